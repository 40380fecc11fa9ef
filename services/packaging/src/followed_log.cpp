#include "followed_log.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace millrace::packaging {
namespace {

// Bytes that have been written over meanwhile are of records that are not offered any more.
void read_event(PublicationLog& log, const media::LogReader& reader, const media::LogReader::Sample& sample,
                ReadingNews& news) {
  const media::EventReading read =
      media::read_timed_event(sample.payload, media::encoder_timestamp_ms(sample.record));
  if (!reader.intact(sample.record)) return;
  using Taken = LogSegments::Taken;
  const Taken taken = read.event ? log.segments.add_event(sample.record, *read.event) : Taken::kNotOffered;
  if (taken == Taken::kTaken) ++news.events;
  if (read.refused || taken == Taken::kTooMany) ++news.refused_events;
}

// A configuration is in the log before the first record that refers to it.
void load_configurations(PublicationLog& log, FollowedLog& followed, const media::LogReader& reader,
                         ReadingNews& news) {
  for (auto index = static_cast<std::uint32_t>(followed.descriptions.size());
       index < reader.configuration_count(); ++index) {
    const auto configuration = reader.configuration(index);
    if (!configuration) return;  // the log is going; its records will be reported as gone
    TrackDescription description = describe(*configuration);
    if (!description.refusal.empty()) news.problems.push_back(description.refusal);
    log.segments.add_configuration(description.timing);
    followed.descriptions.push_back(std::make_shared<const TrackDescription>(std::move(description)));
  }
}

// Of its whole segments: where the first one is whole, all of its tracks have begun.
void learn_timelines(PublicationLog& log, const media::LogReader& reader) {
  const auto& segments = log.segments.complete();
  if (segments.empty() || log.is_slate) return;
  std::erase_if(log.timelines, [&](const media::TimelineBeginning& known) {
    return known.discontinuity_sequence < segments.front().discontinuity_sequence;
  });
  std::uint32_t looked_at = 0;
  for (const Segment& segment : segments) {
    const std::uint32_t sequence = segment.discontinuity_sequence;
    if (sequence == std::exchange(looked_at, sequence) || log.knows_timeline(sequence)) continue;
    if (const auto beginning = reader.timeline(sequence)) log.timelines.push_back(*beginning);
  }
}

// The reader fell behind what is retained: the segments are read again from the oldest record on.
void read_again(PublicationLog& log, const FollowedLog& followed, media::LogReader& reader) {
  LogSegments segments(log.publication_id, log.first_sequence, log.incarnation, log.segments.numbers());
  for (const auto& description : followed.descriptions) segments.add_configuration(description->timing);
  log.segments = std::move(segments);
  reader.seek(std::max(reader.info().first, reader.position() + 1));
}

}  // namespace

bool read_log(PublicationLog& log, FollowedLog& followed, std::size_t& budget, ReadingNews& news) {
  return followed.log->with([&](media::LogReader& reader) {
    while (true) {
      const media::LogReader::Read read = reader.read();
      if (const auto* sample = std::get_if<media::LogReader::Sample>(&read)) {
        if (budget == 0) return true;
        --budget;
        load_configurations(log, followed, reader, news);
        log.segments.add(sample->record);
        if (sample->record.track == media::kDataTrack) read_event(log, reader, *sample, news);
        reader.advance();
      } else if (std::holds_alternative<media::LogReader::Lagged>(read)) {
        if (budget == 0) return true;
        --budget;
        read_again(log, followed, reader);
      } else {
        if (std::holds_alternative<media::LogReader::Ended>(read)) log.segments.end();
        break;
      }
    }
    const media::LogInfo info = reader.info();
    followed.end = info.end;
    log.was_closed = info.end == media::LogEnd::kRevoked;
    log.target_duration_s = info.target_duration_s;
    log.part_target_us = info.part_target_us;
    log.first_dependent_segment = info.first_dependent_segment;
    log.pinned_limit_us = info.pinned_limit_us;
    log.clock_offset_us = info.clock_offset_us;
    log.segments.recycled_before(info.first);
    learn_timelines(log, reader);
    return false;
  });
}

}  // namespace millrace::packaging
