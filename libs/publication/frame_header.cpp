#include "publication/frame_header.hpp"

#include <algorithm>

#include "codecs/aac.hpp"
#include "codecs/ac3.hpp"
#include "codecs/adts.hpp"
#include "codecs/av1.hpp"
#include "codecs/captions.hpp"
#include "codecs/flac.hpp"
#include "codecs/h264.hpp"
#include "codecs/h265.hpp"
#include "codecs/mp3.hpp"
#include "codecs/opus.hpp"
#include "codecs/parameter_sets.hpp"
#include "codecs/random_access.hpp"
#include "codecs/sei.hpp"
#include "codecs/vp9.hpp"

namespace millrace::publication {

namespace {

using media::Codec;

// What the messages of a unit of SEI say of the picture.
FrameAccess look_at_messages(ByteView nal, std::size_t header_size, FrameHeader& look) {
  FrameAccess access = FrameAccess::kNone;
  codecs::SeiReader messages(nal, header_size);
  while (const auto message = messages.next()) {
    if (message->type == codecs::kSeiRecoveryPoint && message->size > 0) access = FrameAccess::kRefresh;
    if (message->type == codecs::kSeiUserDataT35) look.captions |= codecs::captions_in_t35(message->payload);
    codecs::read_hdr_message(*message, look.hdr);
  }
  return access;
}

// At least one unit, and every length within the sample.
template <class AccessOf>
FrameHeader look_at_units(ByteView sample, unsigned nal_length_size, codecs::NalCodec codec,
                          AccessOf access_of) {
  FrameHeader look;
  std::size_t size = 0;
  codecs::NalReader reader(sample, nal_length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) {
    size += nal_length_size + nal.size();
    look.access = std::max(look.access, access_of(nal, look));
    look.parameter_sets = look.parameter_sets || codecs::is_parameter_set(codec, nal);
  }
  if (!reader.ok() && codecs::begins_with_start_code(sample)) look.form = FrameForm::kStartCodes;
  if (reader.ok() && size > 0 && size != sample.size()) look.form = FrameForm::kEmptyUnits;
  look.usable = reader.ok() && size > 0 && look.form == FrameForm::kPlain;
  return look;
}

// An intra picture without a word about recovery may begin an open GOP or stand anywhere: only its encoder
// knows.
FrameHeader look_at_avc(ByteView sample, unsigned nal_length_size) {
  bool inter = false;
  bool intra = false;
  FrameHeader look =
      look_at_units(sample, nal_length_size, codecs::NalCodec::kH264, [&](ByteView nal, FrameHeader& seen) {
        switch (codecs::nal_type(nal)) {
          case codecs::kNalIdrSlice:
            return FrameAccess::kSync;
          case codecs::kNalSei:
            return look_at_messages(nal, codecs::kAvcNalHeader, seen);
          case codecs::kNalSlice:
            intra = !inter && codecs::is_intra_slice(nal);
            if (intra) return FrameAccess::kAsTagged;
            inter = true;
            return FrameAccess::kNone;
          default:
            return FrameAccess::kNone;
        }
      });
  if (inter && look.access == FrameAccess::kAsTagged) look.access = FrameAccess::kNone;
  if (intra && look.access == FrameAccess::kRefresh) look.access = FrameAccess::kRecovery;
  return look;
}

FrameAccess hevc_access(ByteView nal, FrameHeader& look) {
  if (codecs::is_hevc_sync(nal)) return FrameAccess::kSync;
  if (codecs::is_irap(nal)) return FrameAccess::kRecovery;
  return codecs::hevc_nal_type(nal) == codecs::kHevcPrefixSei
             ? look_at_messages(nal, codecs::kHevcNalHeader, look)
             : FrameAccess::kNone;
}

FrameHeader look_at_av1(ByteView sample) {
  FrameHeader look;
  const Result<codecs::Av1TemporalUnit> unit = codecs::inspect_temporal_unit(sample);
  if (!unit || unit->obus == 0) return look;
  look.usable = true;
  if (unit->key_frame) look.access = FrameAccess::kSync;
  look.parameter_sets = unit->sequence_header.has_value();
  look.hdr = unit->metadata.hdr;
  look.captions = unit->metadata.captions;
  return look;
}

FrameHeader look_at_vp9(ByteView sample) {
  FrameHeader look;
  const Result<codecs::Vp9FrameHeader> header = codecs::parse_vp9_frame_header(sample);
  if (!header) return look;
  look.usable = true;
  if (!header->key_frame) return look;
  look.access = FrameAccess::kSync;
  look.width = header->width;
  look.height = header->height;
  return look;
}

FrameHeader look_at_aac(ByteView frame) {
  FrameHeader look;
  look.usable = !frame.empty();
  if (!codecs::begins_with_adts(frame)) return look;
  ByteView rest = frame;
  const auto adts = codecs::next_adts_frame(rest);
  look.usable = adts.has_value() && rest.empty();
  if (!look.usable) {
    look.form = FrameForm::kAdts;
    return look;
  }
  look.skip = static_cast<std::uint32_t>(adts->raw.data() - frame.data());
  if (const auto aac = codecs::parse_audio_specific_config(adts->audio_specific_config)) {
    look.sample_rate = aac->sample_rate;
    look.channels = aac->channels;
  }
  return look;
}

FrameHeader look_at_ac3(ByteView frame, bool enhanced) {
  FrameHeader look;
  const auto ac3 = enhanced ? codecs::parse_eac3_frame(frame) : codecs::parse_ac3_frame(frame);
  if (!ac3) return look;
  look.usable = true;
  look.samples = ac3->samples_per_frame;
  look.sample_rate = ac3->sample_rate;
  look.channels = ac3->channels;
  return look;
}

FrameHeader look_at_mp3(ByteView frame) {
  FrameHeader look;
  const auto mp3 = codecs::parse_mp3_header(frame);
  if (!mp3) return look;
  look.usable = true;
  look.samples = mp3->samples_per_frame;
  look.sample_rate = mp3->sample_rate;
  look.channels = mp3->channels;
  return look;
}

FrameHeader look_with_samples(const Result<std::uint32_t>& samples) {
  FrameHeader look;
  look.usable = samples.has_value();
  look.samples = samples.value_or(0);
  return look;
}

}  // namespace

FrameHeader read_frame_header(media::Codec codec, ByteView payload, unsigned nal_length_size) {
  switch (codec) {
    case Codec::kH264:
      return look_at_avc(payload, nal_length_size);
    case Codec::kH265:
      return look_at_units(payload, nal_length_size, codecs::NalCodec::kH265, hevc_access);
    case Codec::kAv1:
      return look_at_av1(payload);
    case Codec::kVp9:
      return look_at_vp9(payload);
    case Codec::kAac:
      return look_at_aac(payload);
    case Codec::kOpus:
      return look_with_samples(codecs::opus_packet_samples(payload));
    case Codec::kFlac:
      return look_with_samples(codecs::flac_frame_samples(payload));
    case Codec::kAc3:
      return look_at_ac3(payload, false);
    case Codec::kEac3:
      return look_at_ac3(payload, true);
    case Codec::kMp3:
      return look_at_mp3(payload);
    default:
      return {};
  }
}

}  // namespace millrace::publication
