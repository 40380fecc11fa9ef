// Audio and video messages of a Publication: whose they are, and what becomes of each track's part.
#include <algorithm>

#include "codecs/aac.hpp"
#include "errors.hpp"
#include "media/track_label.hpp"
#include "publish/publication.hpp"

namespace millrace::ingest {

namespace {

using rtmp::PacketKind;

// Bytes that say the same in other words are no change: it would cost a segment and a discontinuity.
bool decode_alike(const TrackFormat& a, const TrackFormat& b) {
  if (a.configuration == b.configuration) return true;
  if (a.description.codec != media::Codec::kAac) return false;
  const auto first = codecs::parse_audio_specific_config(a.configuration);
  const auto second = codecs::parse_audio_specific_config(b.configuration);
  return first && second && codecs::decode_alike(*first, *second);
}

bool is_same(const TrackFormat& a, const TrackFormat& b) {
  return a.description.codec == b.description.codec && a.description.width == b.description.width &&
         a.description.height == b.description.height &&
         a.description.sample_rate == b.description.sample_rate &&
         a.description.channels == b.description.channels && a.description.picture == b.description.picture &&
         decode_alike(a, b);
}

}  // namespace

Result<void> Publication::check(std::int64_t monotonic_us) {
  release(monotonic_us);
  const std::string_view reason = refusals_.hopeless(monotonic_us);
  if (reason.empty() || writer_.any_record() || table_.any_promising()) return {};
  return fail(ingest::errors::kUnsupported, std::string(reason));
}

bool Publication::is_first_of_kind(const Part& part) {
  const TrackSlot* slot = table_.find(part.tag.type, part.where.track_id);
  if (slot != nullptr) return !slot->player_track_id;
  const bool video = part.tag.type == rtmp::MessageType::kVideo;
  return !table_.slot(video ? media::kVideoTrack : media::kAudioTrack).used;
}

Result<void> Publication::refuse(const Part& part, std::string reason) {
  count_dropped();
  refusals_.add(part.tag, part.where, std::move(reason), part.times.monotonic_us);
  counters_->refused_tracks.store(refusals_.count(), std::memory_order_relaxed);
  return check(part.times.monotonic_us);
}

// The track's frames are not of its old configuration any more: they wait for a usable one.
Result<void> Publication::refuse_header(const Part& part, std::string reason) {
  if (TrackSlot* slot = table_.find(part.tag.type, part.where.track_id); slot != nullptr) {
    slot->format.reset();
    slot->incomplete.reset();
    slot->waiting.reset();
    writer_.withdraw(table_.track_of(*slot));
    slot->header.clear();
  }
  return refuse(part, std::move(reason));
}

Result<void> Publication::end_media(const OpenMessage& message, ByteView body, const MessageTimes& times) {
  const Result<rtmp::MediaTag> tag = rtmp::parse_media_tag(message.type, body);
  if (!tag || tag->part_count == 0) return drop(message);
  rtmp::TagPartReader parts(*tag, body);
  bool committed = false;
  for (auto part = parts.next(); part; part = parts.next()) {
    const ByteView payload = body.subspan(part->payload_begin, part->payload_size);
    const bool whole = tag->part_count == 1 && part->payload_begin + part->payload_size == body.size();
    const Result<bool> taken = take({message, *tag, *part, payload, whole, times});
    if (!taken) {
      writer_.abandon(*message.room);
      return tl::unexpected<Error>(taken.error());
    }
    committed = committed || *taken;
  }
  if (!committed) writer_.abandon(*message.room);
  return {};
}

Result<bool> Publication::take(const Part& part) {
  Result<void> done;
  switch (part.tag.kind) {
    case PacketKind::kCodedFrames:
      return take_frame(part);
    case PacketKind::kSequenceStart:
      done = take_header(part);
      break;
    case PacketKind::kMetadata:
    case PacketKind::kMultichannelConfig:
      done = take_annotation(part);
      break;
    case PacketKind::kMpeg2TsSequenceStart:
      done = refuse(part, "video as MPEG-2 transport stream is not supported: send its configuration record");
      break;
    default:
      count_dropped();
      break;
  }
  return done ? Result<bool>(false) : tl::unexpected<Error>(done.error());
}

Result<void> Publication::take_header(const Part& part) {
  const media::Codec codec = publication::codec_of(part.tag.type, part.where.codec);
  if (codec == media::Codec::kNone) return refuse(part, unsupported_codec(part.tag, part.where));
  // What copies AAC out of ADTS sends an empty one until it has seen a frame.
  if (part.payload.empty()) return {};
  // Opus' comments may come as a second header; nobody needs them.
  if (as_text(part.payload).starts_with("OpusTags")) return {};
  const TrackSlot* known = table_.find(part.tag.type, part.where.track_id);
  if (known != nullptr && known->has(codec) && as_text(known->header) == as_text(part.payload)) return {};
  Result<TrackFormat> format = publication::format_of_header(codec, part.payload);
  if (!format && format.error().code == publication::kNoHeader) return {};
  if (!format) return refuse_header(part, format.error().message);
  legacy_hevc_ = part.tag.type == rtmp::MessageType::kVideo
                     ? !part.tag.enhanced && codec == media::Codec::kH265
                     : legacy_hevc_;
  TrackSlot* slot = table_.find_or_make(part.tag.type, part.where.track_id);
  if (slot == nullptr) return refuse(part, "too many tracks");
  slot->header.assign(part.payload.begin(), part.payload.end());
  slot->hdr = {};
  slot->refused = false;
  if (format->description.kind != media::TrackKind::kVideo || format->description.width != 0)
    return configure(part, std::move(*format));
  slot->format.reset();
  slot->waiting.reset();
  slot->incomplete = std::move(*format);
  return {};
}

Result<void> Publication::check_resolution(const TrackFormat& format) const {
  if (resolution_limit_.allows(format.description.width, format.description.height)) return {};
  return fail(ingest::errors::kResolution, "The picture of " + std::to_string(format.description.width) +
                                               "x" + std::to_string(format.description.height) +
                                               " is larger than " + resolution_limit_.text() + ".");
}

Result<void> Publication::check_resolution() const {
  for (const TrackFormat& format : writer_.tracks()) {
    if (Result<void> within = check_resolution(format); !within) return within;
  }
  return {};
}

Result<void> Publication::configure(const Part& part, TrackFormat format) {
  if (Result<void> within = check_resolution(format); !within) return within;
  TrackSlot* slot = table_.find_or_make(part.tag.type, part.where.track_id);
  if (slot == nullptr) return refuse(part, "too many tracks");
  slot->incomplete.reset();
  add_announced(*slot, format.description);
  if (slot->format && is_same(*slot->format, format)) return {};
  format.description.track = table_.track_of(*slot);
  if (!changes_.take(format.description, format.configuration, part.times.monotonic_us))
    return hold_change(part, *slot, std::move(format));
  slot->waiting.reset();
  format.player_track_id = slot->player_track_id;
  slot->format = format;
  return writer_.configure(std::move(format));
}

// What is known of the track from elsewhere than its configuration. Colours are told of the first picture.
void Publication::add_announced(const TrackSlot& slot, media::TrackConfiguration& description) const {
  if (slot.type == rtmp::MessageType::kVideo) {
    codecs::HdrMetadata hdr = slot.hdr;
    const bool announced = !slot.player_track_id && description.codec == colour_info_codec_;
    if (announced) hdr.fill_in(colour_info_.hdr);
    description.picture = media::picture_colour(announced ? colour_info_.colour : std::nullopt, hdr);
  }
  description.label = {};
  for (const rtmp::Metadata::Label& label : labels_) {
    if (label.type == slot.type && label.track_id == slot.track_id)
      description.label = media::track_label(label.language, label.name);
  }
}

// Of tracks that have no sample yet; others get it with their next configuration.
Result<void> Publication::apply_labels(const MessageTimes& times) {
  for (std::uint8_t number = 0; number < media::kMaxTracks; ++number) {
    TrackSlot& slot = table_.slot(number);
    if (!slot.used || !slot.format || writer_.has_sample(number)) continue;
    publication::TrackFormat format = *slot.format;
    add_announced(slot, format.description);
    if (format.description == slot.format->description) continue;
    if (!changes_.take(format.description, format.configuration, times.monotonic_us)) continue;
    slot.format = format;
    if (Result<void> configured = writer_.configure(std::move(format)); !configured) return configured;
  }
  return {};
}

// Nothing of the track is taken until the budget has room for the change, or the track is again what it was.
Result<void> Publication::hold_change(const Part& part, TrackSlot& slot, TrackFormat format) {
  using publication::ChangeBudget;
  slot.format.reset();
  slot.waiting = std::move(format);
  if (part.tag.kind == PacketKind::kSequenceStart) count_dropped();  // a frame is counted by itself
  refusals_.add(part.tag, part.where,
                "the codec, size, sample rate or channels of a track change too often: " +
                    std::to_string(ChangeBudget::kTrackChanges) + " times at once and then every " +
                    std::to_string(ChangeBudget::kTrackChangeEveryUs / 1'000'000) + " s is what is taken",
                part.times.monotonic_us);
  counters_->refused_tracks.store(refusals_.count(), std::memory_order_relaxed);
  return check(part.times.monotonic_us);
}

Result<void> Publication::take_annotation(const Part& part) {
  const bool video = part.tag.type == rtmp::MessageType::kVideo;
  Bytes& newest = video ? video_annotation_ : audio_annotation_;
  // A frame type means nothing here, and ffmpeg passes over a metadata frame only where it says "command".
  const rtmp::TagHeader tag = rtmp::make_tag_header(
      {part.tag.type, part.where.codec, part.tag.kind, rtmp::VideoFrameType::kCommand, 0, std::nullopt});
  Bytes annotation(tag.view().begin(), tag.view().end());
  annotation.insert(annotation.end(), part.payload.begin(), part.payload.end());
  if (annotation == newest) return {};
  const bool known = publication::codec_of(part.tag.type, part.where.codec) != media::Codec::kNone;
  if (!known || !is_first_of_kind(part) || part.payload.size() > kMaxAnnotationBytes ||
      annotations_ == kMaxAnnotations) {
    count_dropped();
    return {};
  }
  ++annotations_;
  newest = std::move(annotation);
  if (Result<void> told = take_colour_info(part); !told) return told;
  TrackFormat format = publication::data_format(part.payload);
  format.description.codec = media::Codec::kNone;
  format.annotates = part.tag.type;
  format.tag.assign(tag.view().begin(), tag.view().end());
  return writer_.add_data(std::move(format));
}

// With the track's next sample, if it says something new of the pictures.
Result<void> Publication::take_colour_info(const Part& part) {
  if (part.tag.kind != PacketKind::kMetadata) return {};
  const std::optional<rtmp::ColourInfo> info = rtmp::parse_colour_info(part.payload);
  if (!info) return {};
  colour_info_ = *info;
  colour_info_codec_ = publication::codec_of(part.tag.type, part.where.codec);
  const TrackSlot* const slot = table_.find(part.tag.type, part.where.track_id);
  return slot != nullptr && slot->has(colour_info_codec_) ? configure(part, *slot->format) : Result<void>();
}

}  // namespace millrace::ingest
