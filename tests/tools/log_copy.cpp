// log_copy DIRECTORY STREAM [--incarnation N]
//
// Writes two logs beside the source of a live stream, in an arena of its own: a rendition "v0-copy" and a
// mirror, both with all the source's records from the oldest that is retained, its numbers and its times, as
// they come. What consumers make of a stream that has more logs than its source is the test's to look at.
// Prints "copying" once both are there, and the number of records when the source has ended.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "media/arena_set.hpp"
#include "media/arena_writer.hpp"
#include "options.hpp"

namespace {

using namespace millrace;

constexpr std::int64_t kMaintainEveryUs = 1'000'000;

template <class T>
T value_of(Result<T> result) {
  if (!result) tools::die(result.error().message);
  return *std::move(result);
}

// The stream's live source, waited for.
media::FoundLog live_source(media::ArenaSet& arenas, const std::string& stream_id) {
  for (int i = 0; i < 200; ++i) {
    if (const Result<void> looked = arenas.refresh(); !looked) tools::die(looked.error().message);
    for (const media::FoundLog& log : arenas.logs(media::LogRole::kSource)) {
      if (log.info.stream_id == stream_id && log.info.end == media::LogEnd::kLive) return log;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  tools::die("there is no live source of " + stream_id);
}

class Copy {
 public:
  Copy(media::ArenaWriter& arena, const media::LogInfo& source, const media::SampleRecord& first,
       media::LogRole role, const std::string& rendition, std::uint32_t incarnation)
      : log_(value_of(arena.create_log(describe(source, first, role, rendition, incarnation)))) {}

  void add(media::LogReader& source, const media::LogReader::Sample& sample) {
    while (configurations_ <= sample.record.configuration) add_configuration(source);
    if (const media::LogInfo info = source.info(); info.target_duration_s != 0) {
      log_->set_part_target_us(info.part_target_us);
      log_->set_target_duration_s(info.target_duration_s);
    }
    const auto prefix = sample.record.prefix_size;
    const media::LogWriter::Room room =
        value_of(log_->reserve(static_cast<std::uint32_t>(sample.payload.size()), prefix));
    std::memcpy(room.data, sample.message.data(), sample.message.size());
    media::SampleRecord record = sample.record;
    record.arrival_us = monotonic_us();
    log_->commit(room, prefix, prefix, record);
  }
  void end(media::LogEnd reason) { log_->end(reason); }

 private:
  static media::LogDescription describe(const media::LogInfo& source, const media::SampleRecord& first,
                                        media::LogRole role, const std::string& rendition,
                                        std::uint32_t incarnation) {
    media::LogDescription description;
    description.stream_id = source.stream_id;
    description.role = role;
    description.rendition = rendition;
    description.publication_id = PublicationId{random_u64()};
    description.origin_publication_id = source.publication_id;
    description.incarnation = incarnation;
    description.epoch = source.epoch;
    description.started_wall = source.started_wall;
    description.segment_target_ms = source.segment_target_ms;
    description.is_private = source.is_private;
    description.retention.guaranteed_bytes = 1ULL << 20;
    description.first_sequence = role == media::LogRole::kMirror ? first.sequence : 0;
    description.numbers =
        media::StreamContinuation{.found = true,
                                  .epoch = source.epoch,
                                  .last_media_sequence = first.media_sequence - 1,
                                  .last_discontinuity_sequence = first.discontinuity_sequence,
                                  .segment_target_ms = source.segment_target_ms,
                                  .target_duration_s = source.target_duration_s,
                                  .part_target_us = source.part_target_us,
                                  .first_dependent_segment = source.first_dependent_segment};
    return description;
  }
  // A log keeps one of two that are equal, as the source did: the indexes are the same.
  void add_configuration(media::LogReader& source) {
    const auto configuration = source.configuration(configurations_);
    if (!configuration) tools::die("the source's configuration is gone");
    const ByteView message(configuration->message);
    const std::uint32_t index = value_of(log_->add_configuration(
        configuration->description, message.first(message.size() - configuration->bytes.size()),
        configuration->bytes));
    if (index != configurations_++) tools::die("the source has a configuration twice");
  }

  std::unique_ptr<media::LogWriter> log_;
  std::uint32_t configurations_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const tools::Options options(argc, argv, {"--incarnation"}, {},
                               "usage: log_copy DIRECTORY STREAM [--incarnation N]");
  if (options.arguments.size() != 2) tools::die("log_copy DIRECTORY STREAM");
  media::ArenaSet arenas(options.arguments[0], "log_copy");
  const media::FoundLog found = live_source(arenas, options.arguments[1]);
  media::LogReader source =
      value_of(found.arena->open_log(found.info.slot, found.info.publication_id, found.info.first));
  const auto arena = value_of(media::ArenaWriter::open(
      {.directory = options.arguments[0], .name = "copies", .bytes = 32ULL << 20, .max_logs = 8}));
  std::array<std::unique_ptr<Copy>, 2> copies;
  std::uint64_t records = 0;
  std::int64_t maintained_us = 0;
  while (true) {
    const media::LogReader::Read read = source.read();
    if (const auto* sample = std::get_if<media::LogReader::Sample>(&read)) {
      if (!copies[0]) {
        const auto incarnation = static_cast<std::uint32_t>(options.number("--incarnation", 1));
        copies[0] = std::make_unique<Copy>(*arena, source.info(), sample->record, media::LogRole::kRendition,
                                           "v0-copy", incarnation);
        copies[1] = std::make_unique<Copy>(*arena, source.info(), sample->record, media::LogRole::kMirror, "",
                                           incarnation);
        std::puts("copying");
        std::fflush(stdout);
      }
      for (const auto& copy : copies) copy->add(source, *sample);
      if (!source.intact(sample->record)) tools::die("the source was recycled under us");
      source.advance();
      ++records;
    } else if (const auto* end = std::get_if<media::LogReader::Ended>(&read)) {
      for (const auto& copy : copies) {
        if (copy) copy->end(end->reason);
      }
      std::printf("%llu records\n", static_cast<unsigned long long>(records));
      return 0;
    } else if (std::holds_alternative<media::LogReader::Lagged>(read)) {
      tools::die("the source went faster");
    } else {
      if (const std::int64_t now_us = monotonic_us(); now_us - maintained_us >= kMaintainEveryUs) {
        maintained_us = now_us;
        arena->maintain(now_us);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}
