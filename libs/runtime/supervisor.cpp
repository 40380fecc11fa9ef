#include "runtime/supervisor.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "runtime/health.hpp"
#include "runtime/supervision.hpp"

namespace millrace::runtime {
namespace {

struct AddChild {
  std::shared_ptr<ChildSpec> child;
};
struct StopUnit {
  std::string name;
  bool group;
};
struct StopAll {};
struct TimerDue {
  std::uint64_t id;
};

}  // namespace
}  // namespace millrace::runtime

// They never leave the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::runtime::AddChild)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::runtime::StopUnit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::runtime::StopAll)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(millrace::runtime::TimerDue)

namespace millrace::runtime {
namespace {

using Kind = SupervisorEvent::Kind;

// Performs what Supervision decides.
class SupervisorActor : public caf::event_based_actor {
 public:
  SupervisorActor(caf::actor_config& config, SupervisorConfig supervisor, std::vector<ChildSpec> children)
      : caf::event_based_actor(config),
        config_(std::move(supervisor)),
        children_(std::move(children)),
        supervision_(config_) {
    set_down_handler([this](caf::down_msg& down) { on_down(down); });
    set_exit_handler([this](caf::exit_msg&) { on_stop(); });
    set_default_handler(caf::drop);
  }

  caf::behavior make_behavior() override {
    for (ChildSpec& child : std::exchange(children_, {})) on_add(std::move(child));
    report_health();
    return {[this](AddChild& add) { on_add(std::move(*add.child)); },
            [this](const StopUnit& stop) { on_stop_unit(stop); }, [this](const StopAll&) { on_stop(); },
            [this](const TimerDue& due) { on_timer(due); }};
  }

  const char* name() const override { return "supervisor"; }

  // However the supervisor itself ends: no child outlives it.
  void on_exit() override {
    for (const auto& [name, running] : running_) caf::anon_send_exit(running, caf::exit_reason::kill);
    running_.clear();
    by_address_.clear();
    specs_.clear();
    if (config_.health) config_.health->remove(config_.name);
  }

 private:
  Supervision::Time now() const {
    return std::chrono::duration_cast<Supervision::Time>(clock().now().time_since_epoch());
  }

  void on_add(ChildSpec child) {
    const std::string name = child.name;
    const auto [spec, added] = specs_.emplace(name, std::move(child));
    Supervision::Actions actions;
    if (!added || !supervision_.add(name, spec->second.group, spec->second.restart, now(), actions)) {
      if (added) specs_.erase(spec);
      log::warning("child not added", {{"supervisor", config_.name}, {"child", name}});
      return;
    }
    perform(std::move(actions));
  }

  void on_down(const caf::down_msg& down) {
    const auto child = by_address_.find(down.source);
    if (child == by_address_.end()) return;
    const std::string name = child->second;
    by_address_.erase(child);
    running_.erase(name);
    const bool normal = !down.reason || down.reason == caf::exit_reason::user_shutdown;
    Supervision::Actions actions;
    supervision_.member_down(name, normal, system().render(down.reason), now(), actions);
    perform(std::move(actions));
  }

  void on_stop_unit(const StopUnit& stop) {
    Supervision::Actions actions;
    supervision_.stop_unit(stop.name, stop.group, actions);
    perform(std::move(actions));
  }

  void on_stop() {
    stopping_ = true;
    if (config_.health) config_.health->set(config_.name, HealthState::kStopping);
    Supervision::Actions actions;
    supervision_.stop_all(actions);
    perform(std::move(actions));
  }

  void on_timer(const TimerDue& due) {
    Supervision::Actions actions;
    supervision_.timer(due.id, now(), actions);
    perform(std::move(actions));
  }

  // In order; a start that fails appends what follows from it.
  void perform(Supervision::Actions actions) {
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const Supervision::Action action = std::move(actions[i]);
      if (const auto* start = std::get_if<Supervision::StartMember>(&action))
        start_member(start->name, actions);
      if (const auto* end = std::get_if<Supervision::EndMember>(&action)) end_member(*end);
      if (const auto* lose = std::get_if<Supervision::LoseMember>(&action)) lose_member(lose->name);
      if (const auto* forget = std::get_if<Supervision::ForgetMember>(&action)) specs_.erase(forget->name);
      if (const auto* timer = std::get_if<Supervision::SetTimer>(&action)) {
        delayed_send(this, timer->delay, TimerDue{timer->id});
      }
      if (const auto* event = std::get_if<SupervisorEvent>(&action)) report(*event);
      if (const auto* end = std::get_if<Supervision::End>(&action)) return finish(*end);
    }
    report_health();
  }

  void start_member(const std::string& name, Supervision::Actions& actions) {
    std::string failure = "its start gave no actor";
    try {
      const caf::actor child = specs_.at(name).spawn(*this);
      if (child) {
        monitor(child);
        running_.emplace(name, child);
        by_address_.emplace(child.address(), name);
        report({Kind::kStarted, name, {}, {}});
        return;
      }
    } catch (const std::exception& error) {
      failure = std::string("its start threw: ") + error.what();
    } catch (...) {
      failure = "its start threw";
    }
    supervision_.member_down(name, false, failure, now(), actions);
  }

  void end_member(const Supervision::EndMember& end) {
    const auto running = running_.find(end.name);
    if (running == running_.end()) return;
    send_exit(running->second, end.kill ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
  }

  void lose_member(const std::string& name) {
    const auto running = running_.find(name);
    if (running == running_.end()) return;
    demonitor(running->second);
    by_address_.erase(running->second.address());
    running_.erase(running);
  }

  void report(const SupervisorEvent& event) {
    const auto delay = static_cast<std::int64_t>(event.delay.count());
    const log::Fields fields = {
        {"supervisor", config_.name}, {"child", event.name}, {"reason", event.reason}, {"delay_ms", delay}};
    switch (event.kind) {
      case Kind::kStarted:
      case Kind::kDown:
      case Kind::kStopped:
        log::write(log::Level::kDebug, "supervised", fields);
        break;
      case Kind::kGroupDown:
        log::write(log::Level::kInfo, "group down", fields);
        break;
      case Kind::kRestarting:
        log::write(log::Level::kWarning, "restarting after a crash", fields);
        break;
      case Kind::kAbandoned:
        log::write(log::Level::kError, "abandoned, crashed too often", fields);
        break;
      case Kind::kResting:
        log::write(log::Level::kError, "rests, crashed too often", fields);
        break;
      case Kind::kEscalated:
        log::write(log::Level::kError, "escalating, crashed too often", fields);
        break;
    }
    if (!config_.observer) return;
    try {
      config_.observer(event);
    } catch (const std::exception& error) {
      log::error("supervisor observer threw", {{"error", error.what()}});
    }
  }

  void report_health() {
    if (!config_.health || stopping_) return;
    std::string trouble = supervision_.trouble();
    if (trouble == reported_) return;
    config_.health->set(config_.name, trouble.empty() ? HealthState::kReady : HealthState::kDegraded,
                        trouble);
    reported_ = std::move(trouble);
  }

  void finish(const Supervision::End& end) {
    if (end.escalated) {
      quit(caf::make_error(caf::sec::runtime_error, end.reason));
    } else {
      quit(caf::exit_reason::user_shutdown);
    }
  }

  SupervisorConfig config_;
  std::vector<ChildSpec> children_;  // until the start
  Supervision supervision_;
  std::map<std::string, ChildSpec> specs_;
  std::map<std::string, caf::actor> running_;
  std::map<caf::actor_addr, std::string> by_address_;
  std::optional<std::string> reported_;  // the trouble that health knows of
  bool stopping_ = false;
};

}  // namespace

caf::actor spawn_supervisor(caf::actor_system& system, SupervisorConfig config,
                            std::vector<ChildSpec> children) {
  return system.spawn<SupervisorActor>(std::move(config), std::move(children));
}

caf::actor spawn_supervisor(caf::event_based_actor& parent, SupervisorConfig config,
                            std::vector<ChildSpec> children) {
  return parent.spawn<SupervisorActor>(std::move(config), std::move(children));
}

void add_child(const caf::actor& supervisor, ChildSpec child) {
  caf::anon_send(supervisor, AddChild{std::make_shared<ChildSpec>(std::move(child))});
}

void stop_child(const caf::actor& supervisor, std::string name) {
  caf::anon_send(supervisor, StopUnit{std::move(name), false});
}

void stop_group(const caf::actor& supervisor, std::string group) {
  caf::anon_send(supervisor, StopUnit{std::move(group), true});
}

void stop(const caf::actor& supervisor) {
  caf::anon_send(supervisor, StopAll{});
}

}  // namespace millrace::runtime
