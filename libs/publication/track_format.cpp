#include "publication/track_format.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "codecs/aac.hpp"
#include "codecs/ac3.hpp"
#include "codecs/adts.hpp"
#include "codecs/av1.hpp"
#include "codecs/errors.hpp"
#include "codecs/flac.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "codecs/mp3.hpp"
#include "codecs/opus.hpp"
#include "codecs/parameter_sets.hpp"
#include "codecs/vp9.hpp"
#include "media/timeline.hpp"

namespace millrace::publication {

namespace {

using media::Codec;

constexpr std::uint32_t kUsualOpusSamples = 960;

struct CodecName {
  rtmp::MessageType type;
  rtmp::FourCc fourcc;
  Codec codec;
};
constexpr auto kVideo = rtmp::MessageType::kVideo;
constexpr auto kAudio = rtmp::MessageType::kAudio;
constexpr std::array kCodecs = {
    CodecName{kVideo, rtmp::fourcc::kAvc, Codec::kH264},
    CodecName{kVideo, rtmp::fourcc::kHevc, Codec::kH265},
    CodecName{kVideo, rtmp::fourcc::kAv1, Codec::kAv1},
    CodecName{kVideo, rtmp::fourcc::kVp9, Codec::kVp9},
    CodecName{kAudio, rtmp::fourcc::kAac, Codec::kAac},
    CodecName{kAudio, rtmp::fourcc::kMp3, Codec::kMp3},
    CodecName{kAudio, rtmp::fourcc::kOpus, Codec::kOpus},
    CodecName{kAudio, rtmp::fourcc::kFlac, Codec::kFlac},
    CodecName{kAudio, rtmp::fourcc::kAc3, Codec::kAc3},
    CodecName{kAudio, rtmp::fourcc::kEac3, Codec::kEac3},
};

TrackFormat video_format(Codec codec, std::uint32_t width, std::uint32_t height, ByteView configuration) {
  TrackFormat format;
  format.description.kind = media::TrackKind::kVideo;
  format.description.codec = codec;
  format.description.timescale = media::Timeline::kVideoTimescale;
  format.description.width = width;
  format.description.height = height;
  format.configuration.assign(configuration.begin(), configuration.end());
  return format;
}

TrackFormat audio_format(Codec codec, std::uint32_t sample_rate, std::uint32_t channels,
                         std::uint32_t samples_per_frame, ByteView configuration) {
  TrackFormat format;
  format.description.kind = media::TrackKind::kAudio;
  format.description.codec = codec;
  format.description.timescale = sample_rate;
  format.description.sample_rate = sample_rate;
  format.description.channels = channels;
  format.samples_per_frame = samples_per_frame;
  format.configuration.assign(configuration.begin(), configuration.end());
  return format;
}

constexpr unsigned kUsualNalLengthSize = 4;

codecs::NalCodec nal_codec(Codec codec) {
  return codec == Codec::kH264 ? codecs::NalCodec::kH264 : codecs::NalCodec::kH265;
}

// A record whose parameter sets are in the stream; length_size_at: of the byte that ends with it.
TrackFormat without_parameter_sets(Codec codec, ByteView record, std::size_t length_size_at) {
  TrackFormat format = video_format(codec, 0, 0, record);
  format.nal_length_size = (record[length_size_at] & 3U) + 1;
  return format;
}

Result<TrackFormat> avc_format(ByteView avcc) {
  constexpr std::size_t kLengthSizeAt = 4;
  const Result<codecs::AvcConfiguration> avc = codecs::parse_avc_configuration(avcc);
  if (!avc && avc.error().code == codecs::errors::kAvcNoSps)
    return without_parameter_sets(Codec::kH264, avcc, kLengthSizeAt);
  if (!avc) return fail(avc.error(), "H.264 configuration");
  TrackFormat format = video_format(Codec::kH264, avc->width, avc->height, avcc);
  format.codec = codecs::codec_string(*avc);
  format.nal_length_size = avc->nal_length_size;
  return format;
}

Result<TrackFormat> hevc_format(ByteView hvcc) {
  constexpr std::size_t kLengthSizeAt = 21;
  const Result<codecs::HevcConfiguration> hevc = codecs::parse_hevc_configuration(hvcc);
  if (!hevc && hevc.error().code == codecs::errors::kHevcNoSps)
    return without_parameter_sets(Codec::kH265, hvcc, kLengthSizeAt);
  if (!hevc) return fail(hevc.error(), "H.265 configuration");
  TrackFormat format = video_format(Codec::kH265, hevc->width, hevc->height, hvcc);
  format.codec = codecs::codec_string(*hevc);
  format.nal_length_size = hevc->nal_length_size;
  return format;
}

Result<TrackFormat> av1_format(ByteView av1c) {
  const Result<codecs::Av1Configuration> av1 = codecs::parse_av1_configuration(av1c);
  if (!av1) return fail(av1.error(), "AV1 configuration");
  TrackFormat format = video_format(Codec::kAv1, av1->width, av1->height, av1c);
  format.codec = codecs::codec_string(*av1);
  return format;
}

Result<TrackFormat> vp9_format(ByteView vpcc) {
  const Result<codecs::Vp9Configuration> vp9 = codecs::parse_vp9_configuration(vpcc);
  if (!vp9) return fail(vp9.error(), "VP9 configuration");
  TrackFormat format = video_format(Codec::kVp9, 0, 0, vpcc);
  format.codec = codecs::codec_string(*vp9);
  return format;
}

Result<TrackFormat> aac_format(ByteView asc) {
  const Result<codecs::AudioSpecificConfig> aac = codecs::parse_audio_specific_config(asc);
  if (!aac) return fail(aac.error(), "AAC configuration");
  TrackFormat format = audio_format(Codec::kAac, aac->sample_rate, aac->channels, aac->frame_length, asc);
  format.codec = codecs::codec_string(*aac);
  return format;
}

Result<TrackFormat> opus_format(ByteView head) {
  const Result<codecs::OpusConfiguration> opus = codecs::parse_opus_head(head);
  if (!opus) return fail(opus.error(), "Opus header");
  TrackFormat format =
      audio_format(Codec::kOpus, codecs::kOpusSampleRate, opus->channels, kUsualOpusSamples, head);
  format.codec = codecs::codec_string(*opus);
  return format;
}

Result<TrackFormat> flac_format(ByteView header) {
  const Result<codecs::FlacConfiguration> flac = codecs::parse_flac_header(header);
  if (!flac) return fail(flac.error(), "FLAC header");
  TrackFormat format =
      audio_format(Codec::kFlac, flac->sample_rate, flac->channels, flac->max_block_samples, header);
  format.codec = codecs::codec_string(*flac);
  return format;
}

Result<TrackFormat> ac3_format(ByteView frame, bool enhanced) {
  const auto ac3 = enhanced ? codecs::parse_eac3_frame(frame) : codecs::parse_ac3_frame(frame);
  if (!ac3) return fail(ac3.error(), enhanced ? "E-AC-3 frame" : "AC-3 frame");
  TrackFormat format = audio_format(
      enhanced ? Codec::kEac3 : Codec::kAc3, ac3->sample_rate, ac3->channels, ac3->samples_per_frame,
      enhanced ? codecs::eac3_specific_box(*ac3) : codecs::ac3_specific_box(*ac3));
  format.codec = enhanced ? codecs::eac3_codec_string() : codecs::ac3_codec_string();
  format.no_wire_form = true;
  return format;
}

Result<TrackFormat> mp3_format(ByteView frame) {
  const Result<codecs::Mp3Configuration> mp3 = codecs::parse_mp3_header(frame);
  if (!mp3) return fail(mp3.error(), "MP3 frame");
  TrackFormat format = audio_format(Codec::kMp3, mp3->sample_rate, mp3->channels, mp3->samples_per_frame,
                                    frame.first(codecs::kMp3HeaderSize));
  format.codec = codecs::codec_string(*mp3);
  format.no_wire_form = true;
  return format;
}

Result<TrackFormat> adts_format(ByteView frame) {
  const std::optional<codecs::AdtsFrame> adts = codecs::next_adts_frame(frame);
  if (!adts) return fail(kNoHeader, "AAC without its configuration");
  return aac_format(adts->audio_specific_config);
}

Result<TrackFormat> nal_format(Codec codec, const codecs::ParameterSets& sets, unsigned nal_length_size) {
  const Bytes record = sets.record(nal_length_size);
  if (record.empty()) return fail(kNoHeader, "no parameter sets");
  return codec == Codec::kH264 ? avc_format(record) : hevc_format(record);
}

// The sets of the frame in place of those of the earlier configuration with the same ids.
Result<TrackFormat> nal_format_of_frame(Codec codec, ByteView frame, const TrackFormat* earlier) {
  codecs::ParameterSets sets(nal_codec(codec));
  const unsigned size = earlier == nullptr ? kUsualNalLengthSize : earlier->nal_length_size;
  if (earlier != nullptr) sets.take_record(earlier->configuration);
  sets.take_sample({frame, false, size});
  return nal_format(codec, sets, size);
}

// A sequence header of parameter sets behind start codes, as encoders have it that know no record.
Result<TrackFormat> nal_format_of_header(Codec codec, ByteView payload) {
  if (!codecs::begins_with_start_code(payload))
    return codec == Codec::kH264 ? avc_format(payload) : hevc_format(payload);
  codecs::ParameterSets sets(nal_codec(codec));
  sets.take_sample({payload, true, kUsualNalLengthSize});
  Result<TrackFormat> format = nal_format(codec, sets, kUsualNalLengthSize);
  if (!format)
    return fail(codec == Codec::kH264 ? codecs::errors::kAvcNoSps : codecs::errors::kHevcNoSps,
                "a sequence header with start codes and without usable parameter sets");
  return format;
}

Result<TrackFormat> vp9_format_of_frame(ByteView frame, const TrackFormat* earlier) {
  const Result<codecs::Vp9FrameHeader> header = codecs::parse_vp9_frame_header(frame);
  if (!header) return fail(header.error(), "VP9 frame");
  if (earlier == nullptr || !header->key_frame) return fail(kNoHeader, "VP9 without its configuration");
  TrackFormat format = *earlier;
  format.description.width = header->width;
  format.description.height = header->height;
  return format;
}

Result<TrackFormat> av1_format_of_frame(ByteView frame) {
  const Result<codecs::Av1TemporalUnit> unit = codecs::inspect_temporal_unit(frame);
  if (!unit) return fail(unit.error(), "AV1 temporal unit");
  if (!unit->sequence_header) return fail(kNoHeader, "AV1 without its sequence header");
  return av1_format(codecs::av1_configuration(*unit->sequence_header, unit->sequence_header_obu));
}

}  // namespace

media::Codec codec_of(rtmp::MessageType type, rtmp::FourCc fourcc) {
  const auto found = std::find_if(kCodecs.begin(), kCodecs.end(), [type, fourcc](const CodecName& name) {
    return name.type == type && name.fourcc == fourcc;
  });
  return found == kCodecs.end() ? Codec::kNone : found->codec;
}

rtmp::FourCc fourcc_of(media::Codec codec) {
  const auto found = std::find_if(kCodecs.begin(), kCodecs.end(),
                                  [codec](const CodecName& name) { return name.codec == codec; });
  return found == kCodecs.end() ? rtmp::fourcc::kNone : found->fourcc;
}

Result<TrackFormat> format_of_header(media::Codec codec, ByteView payload) {
  switch (codec) {
    case Codec::kH264:
    case Codec::kH265:
      return nal_format_of_header(codec, payload);
    case Codec::kAv1:
      return av1_format(payload);
    case Codec::kVp9:
      return vp9_format(payload);
    case Codec::kAac:
      return aac_format(payload);
    case Codec::kOpus:
      return opus_format(payload);
    case Codec::kFlac:
      return flac_format(payload);
    default:
      return fail(kNoHeader, "a codec without a sequence header");
  }
}

Result<TrackFormat> format_of_frame(media::Codec codec, ByteView payload, const TrackFormat* earlier) {
  switch (codec) {
    case Codec::kH264:
    case Codec::kH265:
      return nal_format_of_frame(codec, payload, earlier);
    case Codec::kAv1:
      return av1_format_of_frame(payload);
    case Codec::kVp9:
      return vp9_format_of_frame(payload, earlier);
    case Codec::kAac:
      return adts_format(payload);
    case Codec::kAc3:
      return ac3_format(payload, false);
    case Codec::kEac3:
      return ac3_format(payload, true);
    case Codec::kMp3:
      return mp3_format(payload);
    default:
      return fail(kNoHeader, "a frame before its configuration");
  }
}

bool is_told(const TrackFormat& format, ByteView frame) {
  const Codec codec = format.description.codec;
  if (codec == Codec::kAv1) {
    const Result<codecs::Av1TemporalUnit> unit = codecs::inspect_temporal_unit(frame);
    return !unit ||
           as_text(format.configuration).find(as_text(unit->sequence_header_obu)) != std::string_view::npos;
  }
  return codecs::holds_parameter_sets(nal_codec(codec), format.configuration,
                                      {frame, false, format.nal_length_size});
}

TrackFormat data_format(ByteView amf) {
  TrackFormat format;
  format.description.track = media::kDataTrack;
  format.description.kind = media::TrackKind::kData;
  format.description.codec = Codec::kData;
  format.description.timescale = media::kDataTimescale;
  format.configuration.assign(amf.begin(), amf.end());
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

bool has_composition(rtmp::FourCc fourcc) {
  return fourcc == rtmp::fourcc::kAvc || fourcc == rtmp::fourcc::kHevc;
}

}  // namespace millrace::publication
