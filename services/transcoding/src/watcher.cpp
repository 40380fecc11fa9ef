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

ChildTable::Time to_time(std::int64_t now_us) {
  return std::chrono::duration_cast<ChildTable::Time>(std::chrono::microseconds(now_us));
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

// 0 also where the log cannot be opened, as others may at another time.
std::uint32_t newest_picture(const media::FoundLog& found) {
  const media::LogInfo& info = found.info;
  const auto log = found.arena->open_log(info.slot, info.publication_id, info.committed);
  if (!log) return 0;
  for (std::uint32_t index = log->configuration_count(); index-- > 0;) {
    const auto configuration = log->configuration(index);
    if (configuration && configuration->description.track == media::kVideoTrack) return index;
  }
  return 0;
}

}  // namespace

Watcher::Watcher(WatcherSettings settings, std::shared_ptr<runtime::Health> health)
    : settings_(std::move(settings)),
      health_(std::move(health)),
      table_(settings_.most_children),
      demand_(settings_.linger.value_or(std::chrono::milliseconds(0))) {
  if (settings_.encoder.empty())
    begin_planning();
  else
    trial_.emplace(settings_.program, settings_.arguments, settings_.environment, settings_.encoder);
}

void Watcher::begin_planning() {
  if (!is_on_demand()) return;
  std::vector<std::string> arguments = settings_.arguments;
  if (!encoder_.empty()) arguments.insert(arguments.end(), {"--encoder", encoder_, "--tried"});
  planners_.emplace(
      Planners::Settings{settings_.program, std::move(arguments), settings_.environment, encoder_});
}

// Known before any stream is there.
bool Watcher::has_encoder(ChildTable::Time now) {
  if (!trial_) return true;
  trial_->look(now);
  if (trial_->chosen().empty()) return false;
  encoder_ = trial_->chosen();
  trial_.reset();
  begin_planning();
  return true;
}

void Watcher::look(std::int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  note_ended(now_us);
  if (!has_encoder(to_time(now_us))) return report();
  const std::vector<LivePublication> live = live_publications();
  if (planners_) planners_->look(live, to_time(now_us));
  hear_wanted(now_us);
  for (const LivePublication& publication : table_.look(with_wishes(live), to_time(now_us)))
    start(publication, now_us);
  for (const auto& [publication, pid] : table_.unwanted()) signal_process(pid, SIGTERM);
  tell_children();
  hear_children();
  announce(live);
  clear_arenas(live, now_us);
  report();
}

void Watcher::want(const v1::RenditionsWanted& wanted) {
  const std::lock_guard lock(heard_mutex_);
  if (heard_.size() < kMostHeard) heard_.push_back(wanted);
}

void Watcher::hear_wanted(std::int64_t now_us) {
  std::vector<v1::RenditionsWanted> heard;
  {
    const std::lock_guard lock(heard_mutex_);
    heard.swap(heard_);
  }
  demand_.look(to_time(now_us));
  for (const v1::RenditionsWanted& wanted : heard) {
    for (const v1::WantedRendition& rendition : wanted.renditions())
      demand_.note(PublicationId{wanted.publication_id()}, rendition.name(), rendition.media_sequence(),
                   to_time(now_us));
  }
}

// Of what is planned, by which it is made.
std::optional<Wanted> Watcher::wanted_of(PublicationId publication) const {
  std::optional<Wanted> wanted = demand_.wanted(publication);
  const StreamPlan* const plan = planners_->plan(publication);
  if (!wanted || plan == nullptr) return std::nullopt;
  const auto& planned = plan->renditions.renditions();
  std::erase_if(wanted->names, [&](const std::string& name) {
    return std::none_of(planned.begin(), planned.end(),
                        [&](const auto& each) { return each.name() == name; });
  });
  if (wanted->names.empty()) return std::nullopt;
  wanted->rates = plan->rates;
  return wanted;
}

std::vector<LivePublication> Watcher::with_wishes(std::vector<LivePublication> live) const {
  for (LivePublication& each : live) each.wanted = !is_on_demand() || wanted_of(each.publication);
  return live;
}

// What changes is told once; a child that does not read has ended, or will.
void Watcher::tell_children() {
  if (!is_on_demand()) return;
  for (auto& [publication, child] : children_) {
    const std::optional<Wanted> wanted = wanted_of(publication);
    if (!wanted || (wanted->names == child.told.names && wanted->rates == child.told.rates)) continue;
    const std::string line = to_string(*wanted) + "\n";
    if (::write(child.pipes.input.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      continue;
    child.told = *wanted;
    demand_.told(publication);
  }
}

void Watcher::hear_children() {
  for (auto& [publication, child] : children_) {
    const auto status = child.lines.take(read_available(child.pipes.output.get()));
    if (!status) continue;
    metrics_.said(child.stream_id, child.status, *status);
    child.status = *status;
  }
}

// Empty: it can be begun.
std::string Watcher::refusal(PublicationId publication) const {
  if (no_encoder_) return "the encoder cannot be used";
  if (table_.is_given_up(publication)) return "it has failed too often";
  if (table_.is_full() && !table_.pids().contains(publication))
    return "as many streams as may be are transcoded already";
  return {};
}

void Watcher::announce(const std::vector<LivePublication>& live) {
  if (!is_on_demand() || !settings_.announce) return;
  std::map<std::string, v1::RenditionsPlanned> facts;
  for (const LivePublication& each : live) {
    const StreamPlan* const plan = planners_->plan(each.publication);
    if (plan == nullptr) continue;
    v1::RenditionsPlanned& fact = facts[each.stream_id] = plan->renditions;
    fact.set_refusal(refusal(each.publication));
  }
  for (const auto& [stream_id, fact] : announced_) {
    if (!facts.contains(stream_id)) settings_.announce(fact, false);
  }
  for (const auto& [stream_id, fact] : facts) {
    const auto before = announced_.find(stream_id);
    const bool same =
        before != announced_.end() && before->second.SerializeAsString() == fact.SerializeAsString();
    if (!same) settings_.announce(fact, true);
  }
  announced_ = std::move(facts);
}

void Watcher::note_ended(std::int64_t now_us) {
  for (const auto& [publication, pid] : table_.pids()) {
    if (const std::optional<ProcessEnd> end = end_of_process(pid)) note_end(publication, *end, now_us);
  }
}

void Watcher::note_end(PublicationId publication, const ProcessEnd& end, std::int64_t now_us) {
  if (const auto child = children_.find(publication); child != children_.end()) {
    metrics_.forget(child->second.stream_id);
    children_.erase(child);
  }
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
  std::map<std::string, media::FoundLog> newest;
  for (const media::FoundLog& found : arenas.logs(media::LogRole::kSource)) {
    if (found.info.end == media::LogEnd::kLive && !found.arena->over()) newest[found.info.stream_id] = found;
  }
  std::vector<LivePublication> live;
  live.reserve(newest.size());
  for (const auto& [stream_id, found] : newest)
    live.push_back({stream_id, found.info.publication_id, is_on_demand() ? newest_picture(found) : 0});
  return live;
}

void Watcher::start(const LivePublication& publication, std::int64_t now_us) {
  std::vector<std::string> arguments = settings_.arguments;
  arguments.insert(arguments.end(),
                   {"--stream", publication.stream_id, "--publication", hex(publication.publication)});
  arguments.emplace_back("--status");
  Child child{publication.stream_id};
  if (!encoder_.empty()) arguments.insert(arguments.end(), {"--encoder", encoder_, "--tried"});
  if (is_on_demand()) arguments.emplace_back("--control");
  const Result<int> pid = start_process(settings_.program, arguments, settings_.environment, &child.pipes);
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
  children_[publication.publication] = std::move(child);
  table_.started(publication.publication, *pid, to_time(now_us));
}

void Watcher::clear_arenas(const std::vector<LivePublication>& live, std::int64_t now_us) {
  // On demand only those that have a child: what nobody watches costs no memory.
  std::set<std::string> used;
  for (const auto& [publication, child] : children_) used.insert(kArenaPrefix + child.stream_id);
  for (const LivePublication& each : live) {
    if (!is_on_demand()) used.insert(kArenaPrefix + each.stream_id);
  }
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
  metrics_.counted(counts, demand_.renditions());
  std::string reason = trial_ ? trial_->trouble() : trouble_;
  if (no_encoder_) reason = "the encoder cannot be used";
  if (reason.empty() && counts.given_up > 0)
    reason = std::to_string(counts.given_up) + " streams are not transcoded any more";
  if (const std::size_t without = planners_ ? planners_->given_up() : 0; reason.empty() && without > 0)
    reason = "no renditions can be planned of " + std::to_string(without) + " streams";
  health_->set("transcoding", reason.empty() ? runtime::HealthState::kReady : runtime::HealthState::kDegraded,
               reason);
}

void Watcher::stop(std::int64_t deadline_us) {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  planners_.reset();
  trial_.reset();
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
