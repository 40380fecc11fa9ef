#include "track_format.hpp"

#include "codecs/aac.hpp"
#include "codecs/h264.hpp"
#include "media/timeline.hpp"

namespace millrace::ingest {

namespace {

constexpr std::uint32_t kDataTimescale = 1000;

void split(TrackFormat& format, ByteView body, std::uint32_t header_size) {
  const ByteView tag = body.first(header_size);
  const ByteView configuration = body.subspan(header_size);
  format.tag.assign(tag.begin(), tag.end());
  format.configuration.assign(configuration.begin(), configuration.end());
}

}  // namespace

Result<TrackFormat> avc_format(ByteView body, std::uint32_t header_size) {
  const Result<codecs::AvcConfiguration> avc = codecs::parse_avc_configuration(body.subspan(header_size));
  if (!avc) return fail(avc.error(), "H.264 configuration");
  TrackFormat format;
  format.description.track = media::kVideoTrack;
  format.description.kind = media::TrackKind::kVideo;
  format.description.codec = media::Codec::kH264;
  format.description.timescale = media::Timeline::kVideoTimescale;
  format.description.width = avc->width;
  format.description.height = avc->height;
  format.codec = codecs::codec_string(*avc);
  format.nal_length_size = avc->nal_length_size;
  split(format, body, header_size);
  return format;
}

Result<TrackFormat> aac_format(ByteView body, std::uint32_t header_size) {
  const Result<codecs::AudioSpecificConfig> aac =
      codecs::parse_audio_specific_config(body.subspan(header_size));
  if (!aac) return fail(aac.error(), "AAC configuration");
  TrackFormat format;
  format.description.track = media::kAudioTrack;
  format.description.kind = media::TrackKind::kAudio;
  format.description.codec = media::Codec::kAac;
  format.description.timescale = aac->sample_rate;
  format.description.sample_rate = aac->sample_rate;
  format.description.channels = aac->channels;
  format.codec = codecs::codec_string(*aac);
  format.samples_per_frame = aac->frame_length;
  split(format, body, header_size);
  return format;
}

TrackFormat data_format(ByteView amf) {
  TrackFormat format;
  format.description.track = media::kDataTrack;
  format.description.kind = media::TrackKind::kData;
  format.description.codec = media::Codec::kData;
  format.description.timescale = kDataTimescale;
  split(format, amf, 0);
  return format;
}

rtmp::MessageType message_type(media::TrackKind kind) {
  switch (kind) {
    case media::TrackKind::kVideo:
      return rtmp::MessageType::kVideo;
    case media::TrackKind::kAudio:
      return rtmp::MessageType::kAudio;
    case media::TrackKind::kData:
      break;
  }
  return rtmp::MessageType::kData;
}

}  // namespace millrace::ingest
