#include "recorded_media.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "containers/mp4/fragment.hpp"
#include "event_boxes.hpp"
#include "log_segments.hpp"
#include "media/mp4_track.hpp"
#include "segment_file.hpp"

namespace millrace::packaging {
namespace {

using Piece = http::FilePieces::Piece;

// A sample of the track, and where its bytes begin.
struct Found {
  const media::RecordedSample* sample;
  const RecordedShare* share;
  std::uint64_t place;
};

std::vector<Found> samples_of(const RecordedSegment& segment, const TrackSpan& span,
                              const std::vector<media::RecordedPiece>& pieces) {
  std::vector<Found> found;
  found.reserve(span.samples);
  for (std::size_t i = 0; i < pieces.size() && i < segment.shares.size(); ++i) {
    const RecordedShare& share = segment.shares[i];
    const std::vector<std::uint64_t> places = media::places_in_file(pieces[i].samples);
    for (std::size_t n = 0; n < places.size(); ++n) {
      const media::SampleRecord& record = pieces[i].samples[n].record;
      const bool within =
          record.sequence >= segment.segment.first_record && record.sequence < segment.segment.end_record;
      if (!within || record.track != span.track || record.configuration != span.configuration) continue;
      found.push_back({&pieces[i].samples[n], &share, share.place.media + places[n]});
    }
  }
  return found;
}

void add_bytes(std::vector<Piece>& pieces, const RecordedShare& share, std::uint64_t offset,
               std::uint64_t size) {
  if (size == 0) return;
  if (!pieces.empty() && pieces.back().file == share.file &&
      pieces.back().offset + pieces.back().size == offset) {
    pieces.back().size += size;
  } else {
    pieces.push_back({offset, size, share.file});
  }
}

// As the log had it: without what recording put in.
void add_sample(std::vector<Piece>& pieces, const Found& found) {
  const media::RecordedSample& sample = *found.sample;
  const std::uint64_t before = sample.inserted_bytes == 0 ? sample.record.size : sample.inserted_at;
  add_bytes(pieces, *found.share, found.place, before);
  add_bytes(pieces, *found.share, found.place + before + sample.inserted_bytes, sample.record.size - before);
}

std::uint32_t duration_between(const Found& sample, const Found& next) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      next.sample->record.dts - sample.sample->record.dts, 1, std::numeric_limits<std::int32_t>::max()));
}

// Samples [begin, end) of the track as a run.
mp4::TrackRun run_of(const TrackSpan& span, const std::vector<Found>& samples, std::size_t begin,
                     std::size_t end) {
  mp4::TrackRun run;
  run.track_id = media::mp4_track_id(span.track);
  run.base_decode_time =
      static_cast<std::uint64_t>(std::max<std::int64_t>(samples[begin].sample->record.dts, 0));
  for (std::size_t i = begin; i < end; ++i) {
    const media::SampleRecord& record = samples[i].sample->record;
    run.samples.push_back({.duration = i + 1 < samples.size() ? duration_between(samples[i], samples[i + 1])
                                                              : span.last_duration,
                           .size = record.size,
                           .composition_offset = record.composition_offset,
                           .key = media::is_sync(record.flags),
                           .recovery = media::is_open_gop(record.flags)});
  }
  return run;
}

// Where the part that begins at a sample ends, as LogSegments closes them. What began without a part has
// none.
std::size_t end_of_part(const std::vector<Found>& samples, std::size_t begin) {
  const std::uint32_t number = samples[begin].sample->record.part;
  std::size_t end = begin + 1;
  while (end < samples.size()) {
    const std::uint32_t next = samples[end].sample->record.part;
    if (samples.front().sample->record.part != 0 && next != 0 && next != number) break;
    ++end;
  }
  return end;
}

const media::RecordedSample* find_record(const std::vector<media::RecordedPiece>& pieces,
                                         std::uint64_t sequence) {
  for (const media::RecordedPiece& piece : pieces) {
    const auto found = std::lower_bound(
        piece.samples.begin(), piece.samples.end(), sequence,
        [](const auto& sample, std::uint64_t value) { return sample.record.sequence < value; });
    if (found != piece.samples.end() && found->record.sequence == sequence) return &*found;
  }
  return nullptr;
}

// Those of the segment that came before the record that closed the part, from next on, as LogSegments gives
// them. nullopt: not all of them are in the recordings.
std::optional<Bytes> events_before(const RecordedSegment& segment, const TrackSpan& span,
                                   const std::vector<media::RecordedPiece>& pieces, std::uint64_t closing,
                                   std::size_t& next) {
  const std::vector<EventPlace>& events = segment.segment.events;
  ByteWriter writer;
  for (; next < events.size() && events[next].record < closing; ++next) {
    const media::RecordedSample* const sample = find_record(pieces, events[next].record);
    if (sample == nullptr || !write_event(writer, events[next], sample->record, sample->data, span.timescale))
      return std::nullopt;
  }
  return writer.take();
}

// Of the segment's events those that the sound's parts carry, because the picture had not come yet.
std::size_t events_before_picture(const RecordedSegment& segment, const TrackSpan& span,
                                  const std::vector<media::RecordedPiece>& pieces) {
  const std::vector<EventPlace>& events = segment.segment.events;
  const TrackSpan* const sound = segment.segment.track(media::kAudioTrack);
  if (span.track != media::kVideoTrack || sound == nullptr || events.empty()) return 0;
  const std::vector<Found> samples = samples_of(segment, *sound, pieces);
  std::uint64_t closed = 0;
  for (std::size_t end = samples.empty() ? 0 : end_of_part(samples, 0); end < samples.size();
       end = end_of_part(samples, end)) {
    const std::uint64_t closing = samples[end].sample->record.sequence;
    if (closing > span.first_record) break;
    closed = closing;
  }
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [&](const EventPlace& event) { return event.record < closed; }));
}

}  // namespace

Result<http::FilePieces> recorded_media(const RecordedSegment& segment, const TrackSpan& span,
                                        const std::vector<media::RecordedPiece>& pieces) {
  const std::vector<Found> samples = samples_of(segment, span, pieces);
  if (samples.size() != span.samples || samples.empty() || span.payload_bytes > mp4::kMaxFragmentPayload)
    return fail("packaging.recorded", "the recordings do not have all of the segment");
  http::FilePieces file;
  const bool has_parts = samples.front().sample->record.part != 0;
  std::size_t next_event = has_parts ? events_before_picture(segment, span, pieces) : 0;
  for (std::size_t begin = 0; begin < samples.size();) {
    const std::size_t end = end_of_part(samples, begin);
    const mp4::TrackRun run = run_of(span, samples, begin, end);
    const std::uint32_t part = samples[begin].sample->record.part;
    const std::uint32_t number =
        part != 0 ? part : static_cast<std::uint32_t>(segment.segment.media_sequence);
    std::optional<Bytes> before = Bytes{};
    const std::uint64_t closing = end < samples.size() ? samples[end].sample->record.sequence
                                                       : std::numeric_limits<std::uint64_t>::max();
    if (carries_events(segment.segment, span.track, closing)) {
      before = events_before(segment, span, pieces, closing, next_event);
    }
    if (!before) return fail("packaging.recorded", "the recordings do not have all of the segment's events");
    const Bytes header =
        media_header(number, begin == 0, run, samples[begin].sample->record.presented_wall, *before);
    file.pieces.push_back({file.text.size(), header.size()});
    file.text += as_text(header);
    for (std::size_t i = begin; i < end; ++i) {
      if (!samples[i].sample->in_file) return fail("packaging.recorded", "a sample was not recorded");
      add_sample(file.pieces, samples[i]);
    }
    begin = end;
  }
  return file;
}

}  // namespace millrace::packaging
