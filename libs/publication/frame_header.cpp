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
FrameAccess read_messages(ByteView nal, std::size_t header_size, FrameHeader& header) {
  FrameAccess access = FrameAccess::kNone;
  codecs::SeiReader messages(nal, header_size);
  while (const auto message = messages.next()) {
    if (message->type == codecs::kSeiRecoveryPoint && message->size > 0) access = FrameAccess::kRefresh;
    if (message->type == codecs::kSeiUserDataT35)
      header.captions |= codecs::captions_in_t35(message->payload);
    codecs::read_hdr_message(*message, header.hdr);
  }
  return access;
}

// At least one unit, and every length within the sample.
template <class AccessOf>
FrameHeader read_units(ByteView sample, unsigned nal_length_size, codecs::NalCodec codec,
                       AccessOf access_of) {
  FrameHeader header;
  std::size_t size = 0;
  codecs::NalReader reader(sample, nal_length_size);
  for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) {
    size += nal_length_size + nal.size();
    header.access = std::max(header.access, access_of(nal, header));
    header.parameter_sets = header.parameter_sets || codecs::is_parameter_set(codec, nal);
  }
  if (!reader.ok() && codecs::begins_with_start_code(sample)) header.form = FrameForm::kStartCodes;
  if (reader.ok() && size > 0 && size != sample.size()) header.form = FrameForm::kEmptyUnits;
  header.usable = reader.ok() && size > 0 && header.form == FrameForm::kPlain;
  return header;
}

// An intra picture without a word about recovery may begin an open GOP or stand anywhere: only its encoder
// knows.
FrameHeader read_avc(ByteView sample, unsigned nal_length_size) {
  bool inter = false;
  bool intra = false;
  FrameHeader header =
      read_units(sample, nal_length_size, codecs::NalCodec::kH264, [&](ByteView nal, FrameHeader& seen) {
        switch (codecs::nal_type(nal)) {
          case codecs::kNalIdrSlice:
            return FrameAccess::kSync;
          case codecs::kNalSei:
            return read_messages(nal, codecs::kAvcNalHeader, seen);
          case codecs::kNalSlice:
            intra = !inter && codecs::is_intra_slice(nal);
            if (intra) return FrameAccess::kAsTagged;
            inter = true;
            return FrameAccess::kNone;
          default:
            return FrameAccess::kNone;
        }
      });
  if (inter && header.access == FrameAccess::kAsTagged) header.access = FrameAccess::kNone;
  if (intra && header.access == FrameAccess::kRefresh) header.access = FrameAccess::kRecovery;
  return header;
}

FrameAccess hevc_access(ByteView nal, FrameHeader& header) {
  if (codecs::is_hevc_sync(nal)) return FrameAccess::kSync;
  if (codecs::is_irap(nal)) return FrameAccess::kRecovery;
  return codecs::hevc_nal_type(nal) == codecs::kHevcPrefixSei
             ? read_messages(nal, codecs::kHevcNalHeader, header)
             : FrameAccess::kNone;
}

FrameHeader read_av1(ByteView sample) {
  FrameHeader header;
  const Result<codecs::Av1TemporalUnit> unit = codecs::inspect_temporal_unit(sample);
  if (!unit || unit->obus == 0) return header;
  header.usable = true;
  if (unit->key_frame) header.access = FrameAccess::kSync;
  header.parameter_sets = unit->sequence_header.has_value();
  header.hdr = unit->metadata.hdr;
  header.captions = unit->metadata.captions;
  return header;
}

FrameHeader read_vp9(ByteView sample) {
  FrameHeader header;
  const Result<codecs::Vp9FrameHeader> vp9 = codecs::parse_vp9_frame_header(sample);
  if (!vp9) return header;
  header.usable = true;
  if (!vp9->key_frame) return header;
  header.access = FrameAccess::kSync;
  header.width = vp9->width;
  header.height = vp9->height;
  return header;
}

FrameHeader read_aac(ByteView frame) {
  FrameHeader header;
  header.usable = !frame.empty();
  if (!codecs::begins_with_adts(frame)) return header;
  ByteView rest = frame;
  const auto adts = codecs::next_adts_frame(rest);
  header.usable = adts.has_value() && rest.empty();
  if (!header.usable) {
    header.form = FrameForm::kAdts;
    return header;
  }
  header.skip = static_cast<std::uint32_t>(adts->raw.data() - frame.data());
  if (const auto aac = codecs::parse_audio_specific_config(adts->audio_specific_config)) {
    header.sample_rate = aac->sample_rate;
    header.channels = aac->channels;
  }
  return header;
}

FrameHeader read_ac3(ByteView frame, bool enhanced) {
  FrameHeader header;
  const auto ac3 = enhanced ? codecs::parse_eac3_frame(frame) : codecs::parse_ac3_frame(frame);
  if (!ac3) return header;
  header.usable = true;
  header.samples = ac3->samples_per_frame;
  header.sample_rate = ac3->sample_rate;
  header.channels = ac3->channels;
  return header;
}

FrameHeader read_mp3(ByteView frame) {
  FrameHeader header;
  const auto mp3 = codecs::parse_mp3_header(frame);
  if (!mp3) return header;
  header.usable = true;
  header.samples = mp3->samples_per_frame;
  header.sample_rate = mp3->sample_rate;
  header.channels = mp3->channels;
  return header;
}

FrameHeader look_with_samples(const Result<std::uint32_t>& samples) {
  FrameHeader header;
  header.usable = samples.has_value();
  header.samples = samples.value_or(0);
  return header;
}

}  // namespace

FrameHeader read_frame_header(media::Codec codec, ByteView payload, unsigned nal_length_size) {
  switch (codec) {
    case Codec::kH264:
      return read_avc(payload, nal_length_size);
    case Codec::kH265:
      return read_units(payload, nal_length_size, codecs::NalCodec::kH265, hevc_access);
    case Codec::kAv1:
      return read_av1(payload);
    case Codec::kVp9:
      return read_vp9(payload);
    case Codec::kAac:
      return read_aac(payload);
    case Codec::kOpus:
      return look_with_samples(codecs::opus_packet_samples(payload));
    case Codec::kFlac:
      return look_with_samples(codecs::flac_frame_samples(payload));
    case Codec::kAc3:
      return read_ac3(payload, false);
    case Codec::kEac3:
      return read_ac3(payload, true);
    case Codec::kMp3:
      return read_mp3(payload);
    default:
      return {};
  }
}

}  // namespace millrace::publication
