#include "transcoder.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <variant>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "errors.hpp"
#include "find_source.hpp"
#include "source_measure.hpp"
#include "source_start.hpp"

namespace millrace::transcoding {
namespace {
constexpr std::int64_t kMaintainEveryUs = 1'000'000;

void sleep_us(std::int64_t duration_us) {
  std::this_thread::sleep_for(std::chrono::microseconds(duration_us));
}

// Retention of all rungs at their largest, and what a log needs besides.
std::uint64_t arena_bytes(const LineSettings& line) {
  constexpr std::uint64_t kOfEachLog = 4ULL << 20;
  constexpr std::uint64_t kPeakPercent = 140;
  std::uint64_t bytes = 0;
  for (const Rung& rung : line.ladder) {
    const std::uint64_t a_second = std::uint64_t{rung.kbps} * 1000 / 8 * kPeakPercent / 100;
    bytes += a_second * static_cast<std::uint64_t>(line.keep_us) / 1'000'000 + kOfEachLog;
  }
  return bytes;
}

// names: of the renditions that count; absent: all.
std::uint64_t written_so_far(media::ArenaReader& own, PublicationId origin,
                             const std::optional<std::set<std::string>>& names) {
  std::optional<std::uint64_t> written;
  for (const media::LogInfo& info : own.logs(media::LogRole::kRendition)) {
    if (info.origin_publication_id != origin || (names && !names->contains(info.rendition))) continue;
    const std::uint64_t last = inheritance_of(own, origin, info.rendition).media_sequence;
    written = std::min(written.value_or(last), last);
  }
  return written.value_or(0);
}

}  // namespace

std::string Transcoder::arena_name(const std::string& stream_id) {
  return "transcoder-" + stream_id;
}

Transcoder::Transcoder(TranscoderSettings settings, media::FoundLog found, media::LogReader log,
                       std::unique_ptr<media::ArenaWriter> arena, std::unique_ptr<media::ArenaReader> own)
    : settings_(std::move(settings)),
      source_arena_(std::move(found.arena)),
      info_(std::move(found.info)),
      log_(std::move(log)),
      arena_(std::move(arena)),
      own_(std::move(own)),
      line_(*arena_, *own_, info_, measure_source(log_), settings_.line),
      sound_(*arena_, *own_, info_, settings_.line.keep_us) {}

Result<std::unique_ptr<Transcoder>> Transcoder::open(TranscoderSettings settings) {
  Result<media::FoundLog> found =
      find_source(settings.directory, settings.stream_id, settings.publication, settings.wait_us);
  if (!found) return tl::unexpected<Error>(found.error());
  const media::LogInfo& info = found->info;
  Result<media::LogReader> log = found->arena->open_log(info.slot, info.publication_id, info.first);
  if (!log) return fail(log.error(), "the source's log");
  media::ArenaConfig config;
  config.directory = settings.directory;
  config.name = arena_name(info.stream_id);
  config.bytes = settings.arena_bytes != 0 ? settings.arena_bytes : arena_bytes(settings.line);
  config.max_logs = 64;
  auto arena = media::ArenaWriter::open(config);
  if (!arena) return fail(arena.error(), "arena " + config.name);
  auto own = media::ArenaReader::open(config.directory, config.name, kReaderName);
  if (!own) return fail(own.error(), "arena " + config.name);
  return std::unique_ptr<Transcoder>(new Transcoder(std::move(settings), std::move(*found), std::move(*log),
                                                    std::move(*arena), std::move(*own)));
}

Result<media::LogEnd> Transcoder::run(const std::atomic<bool>& stop, const Report& report,
                                      const std::function<void()>& beat) {
  std::int64_t maintained_us = 0;
  while (!stop && !end_) {
    beat();
    const std::int64_t begun_us = monotonic_us();
    const Result<bool> stepped = step();
    const std::int64_t now_us = monotonic_us();
    if (!stepped) {
      // What stands in the logs stays; they end with their writer.
      return tl::unexpected<Error>(stepped.error());
    }
    if (*stepped) busy_us_ += now_us - begun_us;
    if (now_us - maintained_us >= kMaintainEveryUs) {
      maintained_us = now_us;
      arena_->maintain(now_us);
      measure_speed();
      report(status(now_us));
    }
    if (!*stepped && !end_) sleep_us(kPollUs);
  }
  const media::LogEnd end = end_.value_or(media::LogEnd::kDrained);
  const Result<void> pictures = line_.finish(end, targets());
  const Result<void> sound = sound_.finish(end, targets());
  if (!pictures) return tl::unexpected<Error>(pictures.error());
  if (!sound) return tl::unexpected<Error>(sound.error());
  report(status(monotonic_us()));
  return end;
}

Result<bool> Transcoder::step() {
  if (settings_.wanted) {
    if (const std::optional<Wanted> wanted = settings_.wanted()) {
      if (Result<void> taken = want(*wanted); !taken) return tl::unexpected<Error>(taken.error());
    }
  }
  if (!begun_) return begin();
  const media::LogReader::Read read = log_.read();
  if (const auto* sample = std::get_if<media::LogReader::Sample>(&read)) {
    const Result<void> taken = take(*sample);
    return taken ? Result<bool>(true) : tl::unexpected<Error>(taken.error());
  }
  if (const auto* lagged = std::get_if<media::LogReader::Lagged>(&read)) {
    const Result<void> gone_on = lag(lagged->next_key);
    return gone_on ? Result<bool>(true) : tl::unexpected<Error>(gone_on.error());
  }
  if (const auto* ended = std::get_if<media::LogReader::Ended>(&read)) end_ = ended->reason;
  return false;
}

std::optional<SourceStart> Transcoder::start_of(const std::optional<std::set<std::string>>& names,
                                                std::uint64_t from) {
  const media::LogInfo info = log_.info();
  const SourcePlaces found = source_places(log_);
  const std::uint64_t written = written_so_far(*own_, info.publication_id, names);
  if (from != 0) {
    if (const auto start = start_at(found.places, std::max(from, written + 1))) return start;
  }
  return choose_start(found.places, settings_.from_oldest ? 0 : found.newest_dts, info.target_duration_s,
                      written);
}

// What is new begins where it is asked for, though that has been read: the source's log has it.
Result<void> Transcoder::want(const Wanted& wanted) {
  std::set<std::string> added;
  std::set_difference(wanted.names.begin(), wanted.names.end(), wanted_.names.begin(), wanted_.names.end(),
                      std::inserter(added, added.end()));
  wanted_ = wanted;
  if (begun_ && !added.empty()) {
    if (const auto start = start_of(added, wanted.from)) {
      line_.begin_with(start->media_sequence);
      if (start->sequence < log_.position()) {
        if (Result<void> rewound = line_.rewind(); !rewound) return rewound;
        sound_.pass_over(log_.position());
        log_.seek(start->sequence);
      }
    }
  }
  return line_.want(wanted.names, wanted.rates);
}

Result<bool> Transcoder::begin() {
  const media::LogInfo info = log_.info();
  const bool idle = settings_.wanted && wanted_.names.empty();
  const auto start = idle               ? std::nullopt
                     : settings_.wanted ? start_of(wanted_.names, wanted_.from)
                                        : start_of(std::nullopt, 0);
  if (!start) {
    if (info.end != media::LogEnd::kLive) end_ = info.end;
    return false;
  }
  log::info("transcoding begins",
            {{"stream", info.stream_id}, {"segment", start->media_sequence}, {"record", start->sequence}});
  line_.begin_with(start->media_sequence);
  sound_.begin_with(start->media_sequence);
  log_.seek(start->sequence);
  begun_ = true;
  return true;
}

Result<void> Transcoder::take(const media::LogReader::Sample& sample) {
  const media::SampleRecord record = sample.record;
  const bool picture = record.track == media::kVideoTrack;
  if (!picture && record.track != media::kAudioTrack) {
    log_.advance();
    return {};
  }
  payload_.assign(sample.payload.begin(), sample.payload.end());
  if (!log_.intact(record)) return {};  // gone: read() says so next
  const Result<void> added =
      picture ? line_.add(record, payload_, log_, targets()) : sound_.add(record, payload_, log_, targets());
  log_.advance();
  if (!picture) return added;
  newest_arrival_us_ = record.arrival_us;
  last_dts_ = record.dts;
  return added ? skip_if_slow(record) : added;
}

Result<void> Transcoder::lag(std::uint64_t next_key) {
  skipped_ += next_key - log_.position();
  log::warning("records of the source were recycled before they were read", {{"next", next_key}});
  log_.seek(next_key);
  const Result<void> interrupted = line_.interrupt();
  return interrupted ? sound_.interrupt() : interrupted;
}

Result<void> Transcoder::skip_if_slow(const media::SampleRecord& record) {
  const std::int64_t target_us = std::int64_t{targets().target_duration_s} * 1'000'000;
  const std::int64_t slow_us = std::max(settings_.slow_us, kSlowTargets * target_us);
  if (monotonic_us() - record.arrival_us < slow_us) return {};
  const auto newest = log_.newest_key();
  if (!newest || *newest <= log_.position()) return {};
  const auto key = log_.at(*newest);
  if (!key || monotonic_us() - key->record.arrival_us >= slow_us) return {};
  return lag(*newest);
}

SourceTargets Transcoder::targets() const {
  const media::LogInfo info = log_.info();
  if (info.target_duration_s == 0) return {};
  return {info.target_duration_s, info.part_target_us};
}

// Since the last time: at live's pace it works a part of the time, and what it could do is the rest.
void Transcoder::measure_speed() {
  constexpr std::int64_t kTicksPerMs = 90;
  std::int64_t slowest_us = busy_us_ - line_.waited_us();
  for (const auto& worker : line_.workers()) slowest_us = std::max(slowest_us, worker->busy_us());
  const std::int64_t media_us = last_dts_ * 1000 / kTicksPerMs;
  const std::int64_t worked_us = slowest_us - measured_busy_us_;
  const std::int64_t gone_us = media_us - measured_media_us_;
  // Workers that have started again count from 0 again.
  if (measured_media_us_ != 0 && worked_us > 0 && gone_us > 0)
    speed_ = static_cast<double>(gone_us) / static_cast<double>(worked_us);
  measured_busy_us_ = slowest_us;
  measured_media_us_ = media_us;
}

TranscoderStatus Transcoder::status(std::int64_t now_us) const {
  TranscoderStatus status;
  status.counters = line_.counters();
  status.skipped = skipped_;
  status.behind_us = newest_arrival_us_ == 0 ? 0 : now_us - newest_arrival_us_;
  for (const auto& worker : line_.workers()) status.queued = std::max(status.queued, worker->queued());
  status.speed = speed_;
  return status;
}

}  // namespace millrace::transcoding
