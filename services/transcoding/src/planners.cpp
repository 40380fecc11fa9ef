#include "planners.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "backoff.hpp"
#include "base/log.hpp"

namespace millrace::transcoding {
namespace {

constexpr int kNotYet = 75;  // what the child says of a source that too little is known of

}  // namespace

std::string hex(PublicationId publication) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number_of(publication)));
  return text.data();
}

// They end by themselves, too; nobody waits for them.
Planners::~Planners() {
  for (auto& [publication, planner] : planners_) signal_process(planner.pid, SIGKILL);
  for (auto& [publication, planner] : planners_) {
    while (planner.pid != 0 && !end_of_process(planner.pid)) {
    }
  }
}

void Planners::look(const std::vector<LivePublication>& live, Time now) {
  for (auto& [publication, planner] : planners_) planner.live = false;
  for (const LivePublication& each : live) {
    const auto [entry, is_new] = planners_.try_emplace(each.publication);
    Planner& planner = entry->second;
    if (is_new) planner.due = now;
    planner.stream_id = each.stream_id;
    planner.picture = each.picture;
    planner.live = true;
  }
  std::size_t busy = 0;
  for (auto& [publication, planner] : planners_) {
    if (planner.pid != 0) read(planner, now);
    busy += planner.pid != 0 ? 1 : 0;
  }
  std::erase_if(planners_, [](const auto& entry) { return !entry.second.live && entry.second.pid == 0; });
  for (const PublicationId publication : in_turn(now)) {
    if (busy >= kMostAtOnce) break;
    start(publication, planners_.at(publication), now);
    ++busy;
  }
}

std::vector<PublicationId> Planners::in_turn(Time now) const {
  std::vector<PublicationId> due;
  for (const auto& [publication, planner] : planners_) {
    if (planner.is_needed() && planner.pid == 0 && planner.due <= now) due.push_back(publication);
  }
  std::stable_sort(due.begin(), due.end(), [&](PublicationId one, PublicationId other) {
    return planners_.at(one).due < planners_.at(other).due;
  });
  return due;
}

void Planners::start(PublicationId publication, Planner& planner, Time now) {
  std::vector<std::string> arguments = settings_.arguments;
  arguments.insert(arguments.end(),
                   {"--plan", "--stream", planner.stream_id, "--publication", hex(publication)});
  planner.pipes = {};
  planner.said.clear();
  const Result<int> pid = start_process(settings_.program, arguments, settings_.environment, &planner.pipes);
  if (!pid) return failed(planner, pid.error().message, now);
  planner.pid = *pid;
  planner.began = now;
}

void Planners::read(Planner& planner, Time now) {
  const std::optional<ProcessEnd> end = end_of_process(planner.pid);
  planner.said += read_available(planner.pipes.output.get());
  if (planner.said.size() > kMostOutput || now - planner.began > kLongest)
    signal_process(planner.pid, SIGKILL);
  if (!end) return;
  planner.pid = 0;
  planner.pipes = {};
  ended(planner, *end, now);
}

void Planners::ended(Planner& planner, const ProcessEnd& end, Time now) {
  if (end.signal == 0 && end.status == kNotYet) {
    planner.due = now + delay_after(++planner.waits, kFirstWait, kLongestWait);
    return;
  }
  if (end.signal != 0 || end.status != 0) return failed(planner, end.text(), now);
  Result<StreamPlan> plan = parse_plan_line(planner.stream_id, settings_.encoder, planner.said);
  if (!plan) return failed(planner, plan.error().message, now);
  log::info("renditions planned",
            {{"stream", planner.stream_id}, {"renditions", plan->renditions.renditions_size()}});
  planner.plan = std::move(*plan);
  planner.failures = 0;
  planner.waits = 0;
  planner.due = now + kBetween;
}

void Planners::failed(Planner& planner, const std::string& why, Time now) {
  ++planner.failures;
  log::warning("renditions cannot be planned", {{"stream", planner.stream_id}, {"reason", why}});
  planner.due = now + delay_after(planner.failures, kFirstDelay, kLongestDelay);
}

std::size_t Planners::given_up() const {
  return static_cast<std::size_t>(std::count_if(planners_.begin(), planners_.end(), [](const auto& entry) {
    return !entry.second.plan && entry.second.failures > kMostFailures;
  }));
}

const StreamPlan* Planners::plan(PublicationId publication) const {
  const auto found = planners_.find(publication);
  return found == planners_.end() || !found->second.plan ? nullptr : &*found->second.plan;
}

}  // namespace millrace::transcoding
