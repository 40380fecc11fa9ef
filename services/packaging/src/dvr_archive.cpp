#include "dvr_archive.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/clock.hpp"

namespace millrace::packaging {
namespace {

// A directory may change again within the tick of its clock.
constexpr std::int64_t kClockTickNs = 2'000'000'000;

std::int64_t now_ns() {
  return wall_now().us() * 1000;
}

// Seconds since 1970 that a name says; nullopt: it is no time.
std::optional<std::int64_t> started_us(const recordings::FileName& name) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const std::string text = name.started();
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) != 6)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return (std::chrono::seconds(days).count() + hour * 3600 + minute * 60 + second) * 1'000'000;
}

// The finished form of a file before its live one, which is about to go.
bool comes_before(const recordings::FileName& a, const recordings::FileName& b) {
  return a.stem != b.stem ? a.stem < b.stem : a.state == recordings::FileState::kFinished;
}

}  // namespace

Result<void> RecordingNames::refresh() {
  struct stat status {};
  if (::stat(directory_.c_str(), &status) != 0)
    return fail("packaging.recordings", directory_ + ": " + std::generic_category().message(errno));
  const std::int64_t changed_ns =
      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  if (certain_ && changed_ns == changed_ns_) return {};
  certain_ = now_ns() - changed_ns > kClockTickNs;
  changed_ns_ = changed_ns;
  names_.clear();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    auto name = recordings::parse_file_name(entry->path().filename().string());
    if (!name ||
        (name->state != recordings::FileState::kPart && name->state != recordings::FileState::kFinished))
      continue;
    names_[name->stream_id].push_back(std::move(*name));
  }
  if (error) {
    certain_ = false;
    return fail("packaging.recordings", directory_ + ": " + error.message());
  }
  for (auto& [stream, names] : names_) {
    std::sort(names.begin(), names.end(), comes_before);
    names.erase(std::unique(names.begin(), names.end(),
                            [](const auto& a, const auto& b) { return a.stem == b.stem; }),
                names.end());
  }
  return {};
}

Result<std::vector<recordings::FileName>> RecordingNames::of(const std::string& stream_id,
                                                             std::int64_t window_us, WallTime now) {
  if (auto refreshed = refresh(); !refreshed) return tl::unexpected(refreshed.error());
  const auto found = names_.find(stream_id);
  if (found == names_.end()) return std::vector<recordings::FileName>{};
  const std::vector<recordings::FileName>& all = found->second;
  // A file's end is at the latest where the next one begins, and the newest segment not before the last file.
  const auto is_to_come = [now](const recordings::FileName& name) {
    const auto started = started_us(name);
    return started && *started > now.us();
  };
  std::size_t first = all.size() - 1;
  while (first > 0 && is_to_come(all[first]) && all.size() - first < DvrArchive::kMostFiles) --first;
  const auto newest = started_us(all[first]);
  while (first > 0 && all.size() - first < DvrArchive::kMostFiles) {
    const auto end = started_us(all[first]);
    if (!newest || !end || *newest - *end > window_us) break;
    --first;
  }
  return std::vector<recordings::FileName>(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
}

DvrArchive::DvrArchive(std::string directory, std::int64_t window_us, Report report)
    : directory_(std::move(directory)),
      window_us_(window_us),
      report_(std::move(report)),
      names_(directory_),
      workers_(kThreads, kMostWaiting, [this] { sweep(monotonic_us()); }) {}

void DvrArchive::find(const std::string& stream_id, std::int64_t now_us, Answer answer) {
  std::unique_lock lock(mutex_);
  std::vector<Answer>& answers = waiting_[stream_id];
  const bool first = answers.empty();
  const bool room = answers.size() < kMostAnswers;
  if (room) answers.push_back(std::move(answer));
  if (!room) {
    lock.unlock();
    return answer(nullptr);
  }
  if (!first || workers_.post([this, stream_id, now_us] { read(stream_id, now_us); })) return;
  answer = std::move(answers.back());
  waiting_.erase(stream_id);
  lock.unlock();
  answer(nullptr);
}

void DvrArchive::read(const std::string& stream_id, std::int64_t now_us) {
  Stream stream;
  {
    const std::lock_guard lock(mutex_);
    const auto known = streams_.find(stream_id);
    if (known != streams_.end()) {
      known->second.asked_us = now_us;
      if (now_us - known->second.read_us < kFreshUs) stream = known->second.known;
    }
  }
  if (!stream.recorded) {
    auto recorded = read_files(stream_id);
    const std::lock_guard lock(mutex_);
    const auto known = streams_.find(stream_id);
    if (recorded && known != streams_.end()) {
      known->second.known.recorded = recorded;
      known->second.read_us = known->second.asked_us = now_us;
      stream = known->second.known;
      forget_oldest();
    } else {
      stream = {std::make_shared<const Recorded>(), std::make_shared<DvrLists>()};
    }
  }
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    answers = std::move(waiting_[stream_id]);
    waiting_.erase(stream_id);
  }
  for (const Answer& answer : answers) answer(&stream);
}

Result<std::vector<recordings::FileName>> DvrArchive::names_of(const std::string& stream_id) {
  const std::lock_guard lock(names_mutex_);
  auto names = names_.of(stream_id, window_us_, wall_now());
  const std::string problem = names ? std::string() : names.error().message;
  if (problem != problem_) report_(problem);
  problem_ = problem;
  return names;
}

// nullptr: it has none. Only one thread reads a stream: that which was posted for it.
std::shared_ptr<const Recorded> DvrArchive::read_files(const std::string& stream_id) {
  const Result<std::vector<recordings::FileName>> names = names_of(stream_id);
  std::shared_ptr<RecordingsOfStream> files;
  {
    const std::lock_guard lock(mutex_);
    if (!names || names->empty()) {
      streams_.erase(stream_id);
      return nullptr;
    }
    Entry& entry = streams_[stream_id];
    if (!entry.files) {
      entry.files = std::make_shared<RecordingsOfStream>(directory_, window_us_);
      entry.known = {std::make_shared<const Recorded>(), std::make_shared<DvrLists>()};
    }
    files = entry.files;
  }
  return files->read(*names);
}

std::shared_ptr<const Recorded> DvrArchive::remembered(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto known = streams_.find(stream_id);
  return known == streams_.end() ? nullptr : known->second.known.recorded;
}

// Under the mutex.
void DvrArchive::forget_oldest() {
  while (streams_.size() > 1) {
    std::size_t segments = 0;
    auto oldest = streams_.begin();
    for (auto stream = streams_.begin(); stream != streams_.end(); ++stream) {
      segments += stream->second.known.recorded->segments.size();
      if (stream->second.asked_us < oldest->second.asked_us) oldest = stream;
    }
    if (segments <= kMostSegments) return;
    streams_.erase(oldest);
  }
}

void DvrArchive::sweep(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  std::erase_if(streams_, [&](const auto& stream) {
    return now_us - stream.second.asked_us > kIdleUs && !waiting_.contains(stream.first);
  });
}

}  // namespace millrace::packaging
