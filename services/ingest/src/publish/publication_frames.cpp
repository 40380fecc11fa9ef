// Coded frames of a Publication: what they say of their track, their form, and their place in the log.
#include <algorithm>
#include <cstring>
#include <utility>

#include "codecs/aac.hpp"
#include "codecs/adts.hpp"
#include "codecs/nal_form.hpp"
#include "publication/frame_header.hpp"
#include "publish/publication.hpp"

namespace millrace::ingest {

namespace {

using rtmp::PacketKind;

// The frame says something else than what is known of its track, or nothing is known.
bool is_news(const FrameHeader& header, const TrackFormat* format, ByteView frame) {
  if (format == nullptr) return true;
  const media::TrackConfiguration& known = format->description;
  const bool picture = header.width != 0 && (header.width != known.width || header.height != known.height);
  const bool sound = header.sample_rate != 0 &&
                     (header.sample_rate != known.sample_rate || header.channels != known.channels);
  const bool sets = header.parameter_sets && header.access != FrameAccess::kNone;
  return picture || sound || (sets && !publication::is_told(*format, frame));
}

// What a key frame says of HDR and was not known of its track. A later word on the same is no news: it would
// begin a segment with each key frame that says something else.
bool take_hdr(TrackSlot& slot, const FrameHeader& header) {
  if (header.access == FrameAccess::kNone || header.hdr.empty()) return false;
  const codecs::HdrMetadata before = slot.hdr;
  slot.hdr.fill_in(header.hdr);
  return !(slot.hdr == before);
}

// Of the same picture or sound, as players see it.
bool is_variation(const TrackFormat& format, const TrackFormat& known) {
  return format.description.width == known.description.width &&
         format.description.height == known.description.height &&
         format.description.sample_rate == known.description.sample_rate &&
         format.description.channels == known.description.channels;
}

unsigned nal_length_size(const TrackSlot* slot) {
  constexpr unsigned kUsual = 4;
  if (slot != nullptr && slot->format) return slot->format->nal_length_size;
  if (slot != nullptr && slot->waiting) return slot->waiting->nal_length_size;
  return slot != nullptr && slot->incomplete ? slot->incomplete->nal_length_size : kUsual;
}

std::string_view why_passed_over(media::Codec codec, bool usable) {
  if (!usable) return "the frames of a track are damaged, or not of the codec and form that they are sent as";
  switch (codec) {
    case media::Codec::kH264:
    case media::Codec::kH265:
      return "video came without its configuration: send a sequence header, or the parameter sets with each "
             "key frame";
    case media::Codec::kAac:
      return "AAC came without its configuration: send its sequence header (AudioSpecificConfig) first";
    default:
      return "a track came without its configuration: send its sequence header first";
  }
}

// A legacy header, or an enhanced one of a first track whose codec legacy RTMP does not have, is sent on as
// it came.
bool stays(const rtmp::MediaTag& tag, const rtmp::TagPart& part, const TrackSlot& slot) {
  if (!tag.enhanced) return part.codec != rtmp::fourcc::kHevc;
  const bool legacy_form = part.codec == rtmp::fourcc::kAvc || part.codec == rtmp::fourcc::kAac ||
                           part.codec == rtmp::fourcc::kMp3;
  return !tag.multitrack && !tag.modified && !slot.player_track_id && !legacy_form;
}

FrameAccess access_of(const rtmp::MediaTag& tag, const FrameHeader& header) {
  if (tag.type != rtmp::MessageType::kVideo) return FrameAccess::kSync;
  if (header.access != FrameAccess::kAsTagged) return header.access;
  return tag.key() ? FrameAccess::kRecovery : FrameAccess::kNone;
}

// Players go by the tag: some wait for one that says key.
rtmp::VideoFrameType frame_type_of(const rtmp::MediaTag& tag, FrameAccess access) {
  const bool key = access != FrameAccess::kNone;
  if (tag.type != rtmp::MessageType::kVideo || key == tag.key()) return tag.frame_type;
  return key ? rtmp::VideoFrameType::kKey : rtmp::VideoFrameType::kInter;
}

}  // namespace

// A frame that can't be taken as things are.
Result<bool> Publication::pass_over(const Part& part, std::string_view reason) {
  count_dropped();
  if (refusals_.suspect(part.tag, part.where, reason, part.times.monotonic_us)) {
    if (TrackSlot* slot = table_.find(part.tag.type, part.where.track_id); slot != nullptr)
      slot->refused = !slot->incomplete;
    counters_->refused_tracks.store(refusals_.count(), std::memory_order_relaxed);
  }
  const Result<void> checked = check(part.times.monotonic_us);
  return checked ? Result<bool>(false) : tl::unexpected<Error>(checked.error());
}

// What the frame says of its track, where that is new.
Result<void> Publication::learn(const Part& part, const FrameHeader& header, media::Codec codec) {
  TrackSlot* slot = table_.find(part.tag.type, part.where.track_id);
  const TrackFormat* known = slot != nullptr ? slot->told(codec) : nullptr;
  const bool hdr = slot != nullptr && take_hdr(*slot, header);
  if (!is_news(header, known, part.payload)) {
    const bool begins = access_of(part.tag, header) != FrameAccess::kNone;
    if (hdr) return configure(part, *known);
    return slot->waiting && begins ? configure(part, *slot->waiting) : Result<void>();
  }
  const TrackFormat* earlier = slot != nullptr && slot->incomplete ? &*slot->incomplete : known;
  Result<TrackFormat> format = publication::format_of_frame(codec, part.payload, earlier);
  if (!format) return {};
  if (slot == nullptr) slot = table_.find_or_make(part.tag.type, part.where.track_id);
  if (slot != nullptr && header.parameter_sets) slot->hdr = header.hdr;
  const bool variation = slot != nullptr && slot->has(codec) && is_variation(*format, *slot->format);
  if (variation) {
    format->description.track = table_.track_of(*slot);
    if (variations_ == kMaxVariations ||
        !changes_.allows(format->description, format->configuration, part.times.monotonic_us))
      return {};
    ++variations_;
  }
  return configure(part, std::move(*format));
}

Result<bool> Publication::take_frame(const Part& part) {
  const media::Codec codec = publication::codec_of(part.tag.type, part.where.codec);
  if (codec == media::Codec::kNone) {
    const Result<void> refused = refuse(part, unsupported_codec(part.tag, part.where));
    return refused ? Result<bool>(false) : tl::unexpected<Error>(refused.error());
  }
  const TrackSlot* known = table_.find(part.tag.type, part.where.track_id);
  const FrameHeader header = publication::read_frame_header(codec, part.payload, nal_length_size(known));
  if (header.form != FrameForm::kPlain && part.rewriting == Rewriting::kNone)
    return take_other_form(part, header.form, codec);
  if (header.usable) {
    if (const Result<void> learned = learn(part, header, codec); !learned)
      return tl::unexpected<Error>(learned.error());
  }
  TrackSlot* slot = table_.find(part.tag.type, part.where.track_id);
  if (part.payload.empty() || header.form != FrameForm::kPlain) {
    count_dropped();
    return false;
  }
  if (!header.usable || slot == nullptr || !slot->has(codec))
    return pass_over(part, why_passed_over(codec, header.usable));
  refusals_.trust(part.tag, part.where);
  slot->refused = false;
  slot->captions |= header.captions;
  publication::Sample sample = sample_of(part, header, *slot);
  // Its header for players grows; there is room from the next message on.
  const bool legacy_hevc = !part.tag.enhanced && codec == media::Codec::kH265;
  const bool fits = !legacy_hevc || std::exchange(legacy_hevc_, true);
  if ((part.whole && fits) || part.rewriting == Rewriting::kOwnRoom)
    return commit(part.message, sample, part.times);
  return commit_copy(part, header.skip, sample);
}

publication::Sample Publication::sample_of(const Part& part, const FrameHeader& header,
                                           const TrackSlot& slot) {
  publication::Sample sample;
  sample.track = table_.track_of(slot);
  sample.payload_begin = part.rewriting == Rewriting::kOwnRoom ? 0 : part.where.payload_begin + header.skip;
  sample.tag.header_size = part.where.payload_begin;
  sample.composition_offset_ms = part.where.composition_offset_ms;
  const FrameAccess access = access_of(part.tag, header);
  const rtmp::VideoFrameType frame_type = frame_type_of(part.tag, access);
  sample.key = access != FrameAccess::kNone;
  sample.refresh = access == FrameAccess::kRefresh;
  sample.recovery = sample.refresh || access == FrameAccess::kRecovery;
  sample.samples = header.samples;
  sample.nanoseconds = part.tag.nanosecond_offset;
  sample.captions = slot.captions;
  const bool kept = part.whole && header.skip == 0 && frame_type == part.tag.frame_type &&
                    stays(part.tag, part.where, slot);
  sample.tag.composition_present =
      publication::has_composition(part.where.codec) && (!kept || part.tag.composition_present);
  if (!kept) {
    sample.tag.header = {part.tag.type,
                         part.where.codec,
                         PacketKind::kCodedFrames,
                         frame_type,
                         part.where.composition_offset_ms,
                         slot.player_track_id};
  }
  return sample;
}

Result<bool> Publication::take_other_form(const Part& part, FrameForm form, media::Codec codec) {
  if (form == FrameForm::kAdts) return take_adts(part);
  const unsigned length_size = nal_length_size(table_.find(part.tag.type, part.where.track_id));
  const bool start_codes = form == FrameForm::kStartCodes;
  if (start_codes && part.whole && length_size == 4) {
    const media::LogWriter::Room& room = *part.message.room;
    const std::span<std::uint8_t> bytes(room.data + room.prefix_room + part.where.payload_begin,
                                        part.payload.size());
    if (codecs::put_lengths_in_place(bytes)) {
      return take_frame(
          {part.message, part.tag, part.where, part.payload, true, part.times, Rewriting::kInPlace});
    }
  }
  const codecs::NalSample sample{part.payload, start_codes, length_size};
  const std::size_t size = codecs::size_with_lengths(sample, length_size);
  if (size == 0) return pass_over(part, why_passed_over(codec, false));
  Result<media::LogWriter::Room> room =
      writer_.reserve(static_cast<std::uint32_t>(size), part.message.timestamp_ms,
                      header_growth() + static_cast<std::uint32_t>(rtmp::TagHeader::kMaxSize));
  if (!room) return tl::unexpected<Error>(room.error());
  codecs::write_with_lengths(sample, length_size, room->data + room->prefix_room);
  OpenMessage copy = part.message;
  copy.room = *room;
  const ByteView payload(room->data + room->prefix_room, size);
  const Result<bool> taken =
      take_frame({copy, part.tag, part.where, payload, false, part.times, Rewriting::kOwnRoom});
  if (!taken || !*taken) writer_.abandon(*room);
  return taken ? Result<bool>(false) : taken;
}

// Several frames per message, one behind the other.
Result<bool> Publication::take_adts(const Part& part) {
  constexpr std::size_t kMaxFrames = 32;
  constexpr std::uint64_t kMilliseconds = 1000;
  std::uint64_t time_ms = 0;
  std::uint64_t samples = 0;
  ByteView rest = part.payload;
  for (std::size_t count = 0; count < kMaxFrames; ++count) {
    const ByteView begin = rest;
    const auto adts = codecs::next_adts_frame(rest);
    const auto aac = adts ? codecs::parse_audio_specific_config(adts->audio_specific_config)
                          : Result<codecs::AudioSpecificConfig>(tl::unexpected<Error>(Error{}));
    if (!aac) break;
    OpenMessage message = part.message;
    message.timestamp_ms += static_cast<std::uint32_t>(time_ms);
    const ByteView frame = begin.first(begin.size() - rest.size());
    const Result<bool> taken =
        take_frame({message, part.tag, part.where, frame, false, part.times, Rewriting::kInPlace});
    if (!taken) return taken;
    samples += aac->frame_length;
    time_ms = samples * kMilliseconds / aac->sample_rate;
  }
  if (rest.empty()) return false;
  return pass_over(part, why_passed_over(media::Codec::kAac, false));
}

// A part of a message of many tracks gets a message of its own.
Result<bool> Publication::commit_copy(const Part& part, std::uint32_t skip, publication::Sample sample) {
  const ByteView payload = part.payload.subspan(skip);
  const auto header_size = static_cast<std::uint32_t>(rtmp::make_tag_header(*sample.tag.header).size);
  Result<media::LogWriter::Room> room = writer_.reserve(
      static_cast<std::uint32_t>(payload.size()), part.message.timestamp_ms, header_growth() + header_size);
  if (!room) return tl::unexpected<Error>(room.error());
  std::memcpy(room->data + room->prefix_room, payload.data(), payload.size());
  OpenMessage copy = part.message;
  copy.room = *room;
  sample.payload_begin = 0;
  const Result<bool> committed = commit(copy, sample, part.times);
  if (!committed || !*committed) writer_.abandon(*room);
  return committed ? Result<bool>(false) : committed;
}

}  // namespace millrace::ingest
