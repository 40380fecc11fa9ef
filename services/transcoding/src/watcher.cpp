#include "watcher.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <set>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace millrace::transcoding {
namespace {

constexpr const char* kArenaPrefix = "transcoder-";
constexpr int kNoEncoder = 69;  // what the child says of it

ChildTable::Time to_time(std::int64_t now_us) {
  return std::chrono::duration_cast<ChildTable::Time>(std::chrono::microseconds(now_us));
}

std::string hex(PublicationId publication) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number_of(publication)));
  return text.data();
}

// The arena's files go if no writer has it.
bool remove_arena(const std::filesystem::path& directory, const std::string& name) {
  const std::filesystem::path lock = directory / (name + ".lock");
  const int file = ::open(lock.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  const bool free = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  std::error_code ignored;
  if (free) {
    for (const char* suffix : {".arena", ".cursors", ".lock"})
      std::filesystem::remove(directory / (name + suffix), ignored);
  }
  ::close(file);
  return free;
}

}  // namespace

void Watcher::look(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  note_ended(now_us);
  const std::vector<LivePublication> live = live_publications();
  for (const LivePublication& publication : table_.look(live, to_time(now_us))) start(publication, now_us);
  clear_arenas(live, now_us);
  report();
}

void Watcher::note_ended(std::int64_t now_us) {
  for (const auto& [publication, pid] : table_.pids()) {
    if (const std::optional<ProcessEnd> end = end_of_process(pid)) note_end(publication, *end, now_us);
  }
}

void Watcher::note_end(PublicationId publication, const ProcessEnd& end, std::int64_t now_us) {
  const bool well = end.signal == 0 && end.status == 0;
  if (!well) {
    metrics_.failed();
    log::warning("transcoder ended", {{"publication", hex(publication)}, {"with", end.text()}});
  }
  if (end.signal == 0 && end.status == kNoEncoder) {
    no_encoder_ = true;
    table_.give_up(publication);
  } else {
    table_.failed(publication, to_time(now_us));
  }
}

// The newest of each stream. What is wrong with an arena is reported, and the others count.
std::vector<LivePublication> Watcher::live_publications() {
  media::ArenaSet arenas(settings_.directory, "transcoding");
  const Result<void> looked = arenas.refresh();
  trouble_ = looked ? std::string() : looked.error().message;
  std::map<std::string, PublicationId> newest;
  for (const media::FoundLog& found : arenas.logs(media::LogRole::kSource)) {
    if (found.info.end == media::LogEnd::kLive && !found.arena->over())
      newest[found.info.stream_id] = found.info.publication_id;
  }
  std::vector<LivePublication> live;
  for (const auto& [stream_id, publication] : newest) live.push_back({stream_id, publication});
  return live;
}

void Watcher::start(const LivePublication& publication, std::int64_t now_us) {
  std::vector<std::string> arguments = settings_.arguments;
  arguments.insert(arguments.end(),
                   {"--stream", publication.stream_id, "--publication", hex(publication.publication)});
  const Result<int> pid = start_process(settings_.program, arguments, settings_.environment);
  if (!pid) {
    log::error("transcoder cannot be started", {{"reason", pid.error().message}});
    metrics_.failed();
    table_.failed(publication.publication, to_time(now_us));
    return;
  }
  log::info(
      "transcoder started",
      {{"stream", publication.stream_id}, {"publication", hex(publication.publication)}, {"pid", *pid}});
  metrics_.started();
  table_.started(publication.publication, *pid, to_time(now_us));
}

void Watcher::clear_arenas(const std::vector<LivePublication>& live, std::int64_t now_us) {
  std::set<std::string> used;
  for (const LivePublication& each : live) used.insert(kArenaPrefix + each.stream_id);
  std::set<std::string> there;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(settings_.directory, error)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".arena" && path.stem().string().starts_with(kArenaPrefix))
      there.insert(path.stem().string());
  }
  std::erase_if(idle_us_,
                [&](const auto& idle) { return !there.contains(idle.first) || used.contains(idle.first); });
  for (const std::string& name : there) {
    if (used.contains(name)) continue;
    const std::int64_t since_us = idle_us_.try_emplace(name, now_us).first->second;
    if (now_us - since_us < kKeepArenaUs) continue;
    idle_us_[name] = now_us;  // looked at again in a while, if it has a writer
    if (remove_arena(settings_.directory, name)) log::info("arena removed", {{"arena", name}});
  }
}

void Watcher::report() {
  const ChildTable::Counts counts = table_.counts();
  metrics_.counted(counts);
  std::string reason = trouble_;
  if (no_encoder_) reason = "the encoder cannot be used";
  if (reason.empty() && counts.given_up > 0)
    reason = std::to_string(counts.given_up) + " streams are not transcoded any more";
  health_->set("transcoding", reason.empty() ? runtime::HealthState::kReady : runtime::HealthState::kDegraded,
               reason);
}

void Watcher::stop(std::int64_t deadline_us) {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  std::map<PublicationId, int> running = table_.pids();
  for (const auto& [publication, pid] : running) signal_process(pid, SIGTERM);
  while (!running.empty()) {
    std::erase_if(running, [](const auto& entry) { return end_of_process(entry.second).has_value(); });
    if (monotonic_us() >= deadline_us) {
      for (const auto& [publication, pid] : running) signal_process(pid, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace millrace::transcoding
