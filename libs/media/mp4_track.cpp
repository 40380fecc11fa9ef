#include "media/mp4_track.hpp"

#include <algorithm>

#include "base/language_tag.hpp"
#include "codecs/aac.hpp"
#include "codecs/ac3.hpp"
#include "codecs/av1.hpp"
#include "codecs/flac.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "codecs/mp3.hpp"
#include "codecs/opus.hpp"
#include "codecs/vp9.hpp"
#include "media/errors.hpp"
#include "media/track_label.hpp"

namespace millrace::media {
namespace {

using mp4::TrackType;

// The codec's bytes are what the box holds.
void take(Mp4Track& result, ByteView bytes) {
  result.track.configuration.assign(bytes.begin(), bytes.end());
}

// Each of these fills in what the configuration says; what the description says too is settled afterwards.

Result<void> describe_avc(ByteView bytes, Mp4Track& result) {
  const auto avc = codecs::parse_avc_configuration(bytes);
  if (!avc) return tl::unexpected(avc.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kAvc;
  result.track.width = avc->width;
  result.track.height = avc->height;
  result.track.colour = avc->colour;
  result.codec = codecs::codec_string(*avc);
  result.frames_per_second = avc->fps;
  return {};
}

Result<void> describe_hevc(ByteView bytes, Mp4Track& result) {
  const auto hevc = codecs::parse_hevc_configuration(bytes);
  if (!hevc) return tl::unexpected(hevc.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kHevc;
  result.track.width = hevc->width;
  result.track.height = hevc->height;
  result.track.colour = hevc->colour;
  result.track.hdr = hevc->hdr;
  result.codec = codecs::codec_string(*hevc);
  result.frames_per_second = hevc->fps;
  return {};
}

Result<void> describe_av1(ByteView bytes, Mp4Track& result) {
  const auto av1 = codecs::parse_av1_configuration(bytes);
  if (!av1) return tl::unexpected(av1.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kAv1;
  result.track.width = av1->width;
  result.track.height = av1->height;
  result.track.colour = av1->colour;
  result.track.hdr = av1->hdr;
  result.codec = codecs::codec_string(*av1);
  result.frames_per_second = av1->fps;
  return {};
}

Result<void> describe_vp9(ByteView bytes, Mp4Track& result) {
  const auto vp9 = codecs::parse_vp9_configuration(bytes);
  if (!vp9) return tl::unexpected(vp9.error());
  result.track.configuration = codecs::vp9_configuration_box(*vp9);
  result.track.codec = mp4::Codec::kVp9;
  result.track.colour = vp9->colour;
  result.codec = codecs::codec_string(*vp9);
  return {};
}

Result<void> describe_aac(ByteView bytes, Mp4Track& result) {
  const auto aac = codecs::parse_audio_specific_config(bytes);
  if (!aac) return tl::unexpected(aac.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kAac;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = aac->sample_rate;
  result.track.channels = aac->channels;
  // A frame lasts frame_length samples of the core, whatever SBR makes of them.
  result.frame_duration = aac->frame_length;
  result.codec = codecs::codec_string(*aac);
  return {};
}

Result<void> describe_opus(ByteView bytes, Mp4Track& result) {
  const auto opus = codecs::parse_opus_head(bytes);
  if (!opus) return tl::unexpected(opus.error());
  result.track.configuration = codecs::opus_specific_box(*opus);
  result.track.codec = mp4::Codec::kOpus;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = codecs::kOpusSampleRate;
  result.track.channels = opus->channels;
  result.codec = codecs::codec_string(*opus);
  return {};
}

Result<void> describe_flac(ByteView bytes, Mp4Track& result) {
  const auto flac = codecs::parse_flac_header(bytes);
  if (!flac) return tl::unexpected(flac.error());
  result.track.configuration = codecs::flac_specific_box(*flac);
  result.track.codec = mp4::Codec::kFlac;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = flac->sample_rate;
  result.track.channels = flac->channels;
  if (flac->min_block_samples == flac->max_block_samples) result.frame_duration = flac->max_block_samples;
  result.codec = codecs::codec_string(*flac);
  return {};
}

Result<void> describe_ac3(ByteView bytes, Mp4Track& result) {
  const auto ac3 = codecs::parse_ac3_specific_box(bytes);
  if (!ac3) return tl::unexpected(ac3.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kAc3;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = ac3->sample_rate;
  result.track.channels = ac3->channels;
  result.frame_duration = ac3->samples_per_frame;
  result.codec = codecs::ac3_codec_string();
  return {};
}

Result<void> describe_eac3(ByteView bytes, Mp4Track& result) {
  const auto eac3 = codecs::parse_eac3_specific_box(bytes);
  if (!eac3) return tl::unexpected(eac3.error());
  take(result, bytes);
  result.track.codec = mp4::Codec::kEac3;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = eac3->sample_rate;
  result.track.channels = eac3->channels;
  result.codec = codecs::eac3_codec_string();  // dec3 does not state the samples' blocks
  return {};
}

Result<void> describe_mp3(ByteView bytes, Mp4Track& result) {
  const auto mp3 = codecs::parse_mp3_header(bytes);
  if (!mp3) return tl::unexpected(mp3.error());
  result.track.configuration = {codecs::mp3_object_type(*mp3)};
  result.track.codec = mp4::Codec::kMp3;
  result.track.type = TrackType::kAudio;
  result.track.sample_rate = mp3->sample_rate;
  result.track.channels = mp3->channels;
  result.frame_duration = mp3->samples_per_frame;
  result.codec = codecs::codec_string(*mp3);
  return {};
}

Result<void> describe(Codec codec, ByteView bytes, Mp4Track& result) {
  switch (codec) {
    case Codec::kH264:
      return describe_avc(bytes, result);
    case Codec::kH265:
      return describe_hevc(bytes, result);
    case Codec::kAv1:
      return describe_av1(bytes, result);
    case Codec::kVp9:
      return describe_vp9(bytes, result);
    case Codec::kAac:
      return describe_aac(bytes, result);
    case Codec::kOpus:
      return describe_opus(bytes, result);
    case Codec::kFlac:
      return describe_flac(bytes, result);
    case Codec::kAc3:
      return describe_ac3(bytes, result);
    case Codec::kEac3:
      return describe_eac3(bytes, result);
    case Codec::kMp3:
      return describe_mp3(bytes, result);
    case Codec::kNone:
    case Codec::kData:
      break;
  }
  return fail("media.not_in_mp4", "not a codec of MP4 files");
}

// What the configuration states goes before what was told beside it: decoders go by the former.
void settle_colour(const PictureColour& picture, mp4::Track& track) {
  if (track.colour && *track.colour == codecs::Colour{}) track.colour.reset();
  if (!track.colour) {
    track.colour = colour_of(picture);
  } else if (const auto told = colour_of(picture)) {
    constexpr std::uint8_t kUnspecified = 2;
    if (track.colour->primaries == kUnspecified) track.colour->primaries = told->primaries;
    if (track.colour->transfer == kUnspecified) track.colour->transfer = told->transfer;
    if (track.colour->matrix == kUnspecified) track.colour->matrix = told->matrix;
  }
  track.hdr.fill_in(hdr_of(picture));
}

// The writer has seen the pictures: what it says of their size counts. Two bytes is what an entry has room
// for.
Result<void> settle_video(const TrackConfiguration& description, Mp4Track& result) {
  if (description.width != 0) result.track.width = description.width;
  if (description.height != 0) result.track.height = description.height;
  if (result.track.width == 0 || result.track.height == 0)
    return fail(media::errors::kNoDimensions, "the picture's size is not known");
  result.track.width = std::min(result.track.width, 0xFFFFU);
  result.track.height = std::min(result.track.height, 0xFFFFU);
  settle_colour(description.picture, result.track);
  return {};
}

void settle_audio(const TrackConfiguration& description, Mp4Track& result) {
  const std::uint32_t rate = result.track.sample_rate;
  result.frame_duration = static_cast<std::uint32_t>(std::uint64_t{result.frame_duration} *
                                                     description.timescale / std::max(rate, 1U));
  if (rate > 0xFFFF) result.track.sample_rate = 0;  // the sample entry's 16.16 holds no more
}

}  // namespace

Result<Mp4Track> mp4_track(const TrackConfiguration& description, ByteView bytes) {
  if (description.timescale == 0) return fail(media::errors::kTimescale, "the track has no timescale");
  Mp4Track result;
  if (auto described = describe(description.codec, bytes, result); !described)
    return tl::unexpected(described.error());
  result.track.id = mp4_track_id(description.track);
  result.track.timescale = description.timescale;
  result.track.language = iso639_2(language_of(description.label));
  result.track.name = name_of(description.label);
  if (result.track.type == TrackType::kVideo) {
    if (auto settled = settle_video(description, result); !settled) return tl::unexpected(settled.error());
  } else {
    settle_audio(description, result);
  }
  return result;
}

}  // namespace millrace::media
