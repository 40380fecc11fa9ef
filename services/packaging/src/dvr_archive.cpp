#include "dvr_archive.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace millrace::packaging {
namespace {

// A directory may change again within the tick of its clock.
constexpr std::int64_t kClockTickNs = 2'000'000'000;
// So often it is read again meanwhile.
constexpr std::int64_t kListAgainNs = 1'000'000'000;

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

// A directory that is not there has no recordings: recording makes it.
constexpr ErrorCode kNoDirectory = "packaging.no_recordings";
constexpr ErrorCode kUnreadable = "packaging.recordings";

Error unlisted(const std::string& directory, const std::error_code& error) {
  const bool is_absent = error == std::errc::no_such_file_or_directory;
  return {is_absent ? kNoDirectory : kUnreadable, directory + ": " + error.message()};
}

// The finished form of a file before its live one, which is about to go.
bool comes_before(const recordings::FileName& a, const recordings::FileName& b) {
  return a.stem != b.stem ? a.stem < b.stem : a.state == recordings::FileState::kFinished;
}

}  // namespace

Result<void> RecordingNames::refresh() {
  struct stat status {};
  if (::stat(directory_.c_str(), &status) != 0)
    return tl::unexpected(unlisted(directory_, {errno, std::generic_category()}));
  const std::int64_t changed_ns =
      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  const std::int64_t now = now_ns();
  const bool just_listed = now >= listed_ns_ && now - listed_ns_ < kListAgainNs;
  if ((certain_ || just_listed) && changed_ns == changed_ns_) return {};
  certain_ = now - changed_ns > kClockTickNs;
  changed_ns_ = changed_ns;
  listed_ns_ = now;
  return list();
}

Result<void> RecordingNames::list() {
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
    listed_ns_ = 0;
    return tl::unexpected(unlisted(directory_, error));
  }
  for (auto& [stream, names] : names_) {
    std::sort(names.begin(), names.end(), comes_before);
    names.erase(std::unique(names.begin(), names.end(),
                            [](const auto& a, const auto& b) { return a.stem == b.stem; }),
                names.end());
  }
  auto streams = std::make_shared<std::set<std::string, std::less<>>>();
  for (const auto& [stream, names] : names_) streams->insert(stream);
  streams_ = std::move(streams);
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
      workers_(kThreads, kMostWaiting, [this] {
        sweep(monotonic_us());
        look();
      }) {}

// What was asked just now is not asked again: anybody may ask for anything.
bool DvrArchive::has_none(const std::string& stream_id, std::int64_t now_us) const {
  const std::lock_guard lock(mutex_);
  return listed_ && now_us - listed_us_ < kFreshUs && !listed_->contains(stream_id);
}

// Under the mutex.
DvrArchive::Entry& DvrArchive::entry(const std::string& stream_id, std::int64_t now_us) {
  Entry& entry = streams_[stream_id];
  entry.asked_us = now_us;
  if (!entry.files) {
    entry.files = std::make_shared<RecordingsOfStream>(directory_, window_us_);
    entry.known = {std::make_shared<const Recorded>(), std::make_shared<DvrLists>()};
    entry.read_us = now_us - kFreshUs;
  }
  return entry;
}

void DvrArchive::find(const std::string& stream_id, bool is_live, std::int64_t now_us, Answer answer) {
  if (!is_live && has_none(stream_id, now_us)) {
    static const Stream kNone{std::make_shared<const Recorded>(), nullptr};
    return answer(&kNone);
  }
  std::unique_lock lock(mutex_);
  if (is_live || streams_.contains(stream_id)) entry(stream_id, now_us).is_live = is_live;
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
  std::optional<Stream> stream;
  try {
    stream = found(stream_id, now_us);
  } catch (const std::exception& error) {
    log::error("recordings not read", {{"stream", stream_id}, {"reason", error.what()}});
  }
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(stream_id);
    answers = std::move(waiting->second);
    waiting_.erase(waiting);
  }
  for (const Answer& answer : answers) answer(stream ? &*stream : nullptr);
}

std::optional<DvrArchive::Stream> DvrArchive::found(const std::string& stream_id, std::int64_t now_us) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = streams_.find(stream_id);
    if (known != streams_.end()) {
      known->second.asked_us = now_us;
      if (now_us - known->second.read_us < kFreshUs && known->second.known.recorded)
        return known->second.known;
    }
  }
  const auto files = read_files(stream_id, now_us);
  const std::lock_guard lock(mutex_);
  const auto known = streams_.find(stream_id);
  if (!files) {
    if (known == streams_.end() || !known->second.is_read) return std::nullopt;
    known->second.read_us = now_us;
    return known->second.known;
  }
  if (!*files || known == streams_.end()) return Stream{std::make_shared<const Recorded>(), nullptr};
  known->second.known.recorded = *files;
  known->second.is_read = true;
  known->second.read_us = now_us;
  const Stream stream = known->second.known;
  forget_oldest();
  return stream;
}

Result<std::vector<recordings::FileName>> DvrArchive::names_of(const std::string& stream_id,
                                                               std::int64_t now_us) {
  const std::lock_guard lock(names_mutex_);
  auto names = names_.of(stream_id, window_us_, wall_now());
  report(names ? Result<void>{} : tl::unexpected(names.error()));
  if (!names) return names;
  const std::lock_guard known_lock(mutex_);
  listed_ = names_.streams();
  listed_us_ = now_us;
  return names;
}

void DvrArchive::look() {
  const std::lock_guard lock(names_mutex_);
  report(names_.refresh());
}

// Under the names' mutex.
void DvrArchive::report(const Result<void>& looked) {
  const std::string problem = looked ? std::string() : looked.error().message;
  if (problem != problem_) report_(problem);
  problem_ = problem;
}

// nullptr: it has none, and nothing is kept of it. An error: what there is could not be looked at, which does
// not mean that it has gone. Only one thread reads a stream: that which was posted for it.
Result<std::shared_ptr<const Recorded>> DvrArchive::read_files(const std::string& stream_id,
                                                               std::int64_t now_us) {
  const Result<std::vector<recordings::FileName>> names = names_of(stream_id, now_us);
  if (!names && names.error().code != kNoDirectory) return tl::unexpected(names.error());
  std::shared_ptr<RecordingsOfStream> files;
  {
    const std::lock_guard lock(mutex_);
    const auto known = streams_.find(stream_id);
    const bool is_kept = known != streams_.end() && known->second.is_live;
    if (!is_kept && (!names || names->empty())) {
      streams_.erase(stream_id);
      return nullptr;
    }
    files = entry(stream_id, now_us).files;
  }
  return files->read(names.value_or(std::vector<recordings::FileName>{}));
}

std::shared_ptr<const Recorded> DvrArchive::remembered(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto known = streams_.find(stream_id);
  return known == streams_.end() ? nullptr : known->second.known.recorded;
}

// Under the mutex. What somebody waits for is not forgotten.
void DvrArchive::forget_oldest() {
  while (true) {
    std::size_t segments = 0, open_files = 0;
    auto oldest = streams_.end();
    for (auto stream = streams_.begin(); stream != streams_.end(); ++stream) {
      const Recorded& recorded = *stream->second.known.recorded;
      segments += recorded.segments.size() + 1;  // one of a stream without any costs something too
      open_files += recorded.files;
      if (waiting_.contains(stream->first)) continue;
      if (oldest == streams_.end() || stream->second.asked_us < oldest->second.asked_us) oldest = stream;
    }
    if ((segments <= kMostSegments && open_files <= kMostOpenFiles) || oldest == streams_.end()) return;
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
