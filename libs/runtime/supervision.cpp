#include "runtime/supervision.hpp"

#include <algorithm>

namespace millrace::runtime {
namespace {

using Kind = SupervisorEvent::Kind;

SupervisorEvent event(Kind kind, std::string name, std::string reason = {},
                      std::chrono::milliseconds delay = {}) {
  return {kind, std::move(name), std::move(reason), delay};
}

}  // namespace

Supervision::Supervision(const SupervisorConfig& config) : config_(config) {}

bool Supervision::add(const std::string& name, const std::string& group, Restart restart, Time now,
                      Actions& out) {
  if (stopping_ || unit_of_member(name) != nullptr) return false;
  const bool grouped = !group.empty();
  const std::string& unit_name = grouped ? group : name;
  Unit* to = unit(unit_name, grouped);
  // A group that is being stopped takes nobody in: its end is decided.
  if (to != nullptr && to->phase == Phase::kStopping) return false;
  if (to == nullptr) {
    to = &units_.emplace_back();
    to->name = unit_name;
    to->group = grouped;
    to->started = now;
    abandoned_.erase(unit_name);
  }
  Member& member = to->members.emplace_back(Member{name, restart});
  if (to->phase != Phase::kRunning) return true;
  member.alive = true;
  out.emplace_back(StartMember{name});
  return true;
}

void Supervision::member_down(const std::string& name, bool normal, const std::string& reason, Time now,
                              Actions& out) {
  Unit* of = unit_of_member(name);
  if (of == nullptr) return;
  const auto member =
      std::find_if(of->members.begin(), of->members.end(), [&](const Member& m) { return m.name == name; });
  if (!member->alive) return;
  member->alive = false;
  out.emplace_back(event(Kind::kDown, name, reason));
  const bool leaves = normal && member->restart != Restart::kPermanent;
  if (of->phase == Phase::kRunning && leaves) {
    out.emplace_back(ForgetMember{name});
    of->members.erase(member);
    if (of->members.empty()) forget(*of, out);
    return;
  }
  if (of->phase == Phase::kRunning) crash(*of, reason, now, out);
  after_down(*of, now, out);
}

void Supervision::crash(Unit& unit, const std::string& reason, Time now, Actions& out) {
  unit.phase = Phase::kEnding;
  unit.reason = reason;
  // What lived long enough starts from a clean sheet.
  if (now - unit.started >= config_.backoff.reset) unit.backoff = Time{0};
  kill_alive(unit, out);
}

void Supervision::after_down(Unit& unit, Time now, Actions& out) {
  const bool all_gone =
      std::none_of(unit.members.begin(), unit.members.end(), [](const Member& m) { return m.alive; });
  if (!all_gone) return;
  unit.timer = 0;
  if (unit.phase == Phase::kStopping) {
    forget(unit, out);
    return;
  }
  if (unit.group) out.emplace_back(event(Kind::kGroupDown, unit.name, unit.reason));
  std::erase_if(unit.members, [&](const Member& member) {
    const bool temporary = member.restart == Restart::kTemporary;
    if (temporary) out.emplace_back(ForgetMember{member.name});
    return temporary;
  });
  if (unit.members.empty()) {
    forget(unit, out);
  } else {
    restart(unit, now, out);
  }
}

void Supervision::restart(Unit& unit, Time now, Actions& out) {
  unit.crashes.push_back(now);
  while (now - unit.crashes.front() > config_.intensity.window) unit.crashes.pop_front();
  if (unit.crashes.size() > config_.intensity.restarts) {
    exhausted(unit, out);
    return;
  }
  unit.backoff = unit.backoff == Time{0} ? config_.backoff.first : unit.backoff * 2;
  unit.backoff = std::min<Time>(unit.backoff, config_.backoff.limit);
  unit.phase = Phase::kWaiting;
  out.emplace_back(event(Kind::kRestarting, unit.name, unit.reason, unit.backoff));
  set_timer(unit, unit.backoff, out);
}

void Supervision::exhausted(Unit& unit, Actions& out) {
  const std::string reason = unit.name + " crashed too often: " + unit.reason;
  if (config_.on_exhausted == OnExhausted::kAbandon) {
    abandoned_[unit.name] = unit.reason;
    out.emplace_back(event(Kind::kAbandoned, unit.name, unit.reason));
    forget(unit, out);
    return;
  }
  escalation_ = reason;
  out.emplace_back(event(Kind::kEscalated, unit.name, unit.reason));
  // It has nothing alive any more; the others are stopped in order, as they would be otherwise.
  unit.phase = Phase::kWaiting;
  stop_all(out);
}

void Supervision::timer(std::uint64_t id, Time now, Actions& out) {
  Unit* of = unit_of_timer(id);
  if (of == nullptr) return;
  of->timer = 0;
  if (of->phase == Phase::kWaiting) {
    start(*of, now, out);
    return;
  }
  if (of->phase == Phase::kStopping && !of->killed) {
    kill_alive(*of, out);
    return;
  }
  for (Member& member : of->members) {
    if (!member.alive) continue;
    member.alive = false;
    out.emplace_back(LoseMember{member.name});
    out.emplace_back(event(Kind::kDown, member.name, "did not end when killed"));
  }
  after_down(*of, now, out);
}

void Supervision::start(Unit& unit, Time now, Actions& out) {
  unit.phase = Phase::kRunning;
  unit.killed = false;
  unit.started = now;
  for (Member& member : unit.members) {
    member.alive = true;
    out.emplace_back(StartMember{member.name});
  }
}

void Supervision::stop_unit(const std::string& name, bool group, Actions& out) {
  Unit* of = unit(name, group);
  if (of == nullptr) {
    abandoned_.erase(name);
    return;
  }
  if (of->phase != Phase::kStopping) begin_stop(*of, out);
}

void Supervision::begin_stop(Unit& unit, Actions& out) {
  const bool was_ending = unit.phase == Phase::kEnding;
  const bool any_alive =
      std::any_of(unit.members.begin(), unit.members.end(), [](const Member& m) { return m.alive; });
  unit.phase = Phase::kStopping;
  if (!any_alive) {
    forget(unit, out);
    return;
  }
  if (was_ending) return;  // killed already, and its timer runs
  unit.killed = false;
  for (auto member = unit.members.rbegin(); member != unit.members.rend(); ++member) {
    if (member->alive) out.emplace_back(EndMember{member->name, false});
  }
  set_timer(unit, config_.grace, out);
}

void Supervision::kill_alive(Unit& unit, Actions& out) {
  unit.killed = true;
  bool any = false;
  for (auto member = unit.members.rbegin(); member != unit.members.rend(); ++member) {
    if (!member->alive) continue;
    any = true;
    out.emplace_back(EndMember{member->name, true});
  }
  if (any) set_timer(unit, config_.grace, out);
}

void Supervision::stop_all(Actions& out) {
  if (stopping_) return;
  stopping_ = true;
  stop_next(out);
}

void Supervision::stop_next(Actions& out) {
  if (units_.empty()) {
    out.emplace_back(event(Kind::kStopped, config_.name, escalation_.value_or("")));
    out.emplace_back(End{escalation_.has_value(), escalation_.value_or("")});
    return;
  }
  // The last started first, one after the other: forget() comes back here.
  if (units_.back().phase != Phase::kStopping) begin_stop(units_.back(), out);
}

void Supervision::set_timer(Unit& unit, Time delay, Actions& out) {
  unit.timer = ++last_timer_;
  out.emplace_back(SetTimer{unit.timer, delay});
}

void Supervision::forget(Unit& unit, Actions& out) {
  for (const Member& member : unit.members) out.emplace_back(ForgetMember{member.name});
  units_.erase(units_.begin() + (&unit - units_.data()));
  if (stopping_) stop_next(out);
}

Supervision::Unit* Supervision::unit(const std::string& name, bool group) {
  const auto found = std::find_if(units_.begin(), units_.end(),
                                  [&](const Unit& u) { return u.group == group && u.name == name; });
  return found == units_.end() ? nullptr : &*found;
}

Supervision::Unit* Supervision::unit_of_member(const std::string& name) {
  for (Unit& unit : units_) {
    for (const Member& member : unit.members) {
      if (member.name == name) return &unit;
    }
  }
  return nullptr;
}

Supervision::Unit* Supervision::unit_of_timer(std::uint64_t id) {
  const auto found = std::find_if(units_.begin(), units_.end(), [&](const Unit& u) { return u.timer == id; });
  return found == units_.end() ? nullptr : &*found;
}

std::string Supervision::trouble() const {
  std::string text;
  const auto add_line = [&](std::string_view what, const std::string& name, const std::string& reason) {
    if (!text.empty()) text += "; ";
    text.append(what).append(" ").append(name).append(": ").append(reason);
  };
  for (const Unit& unit : units_) {
    if (unit.phase == Phase::kEnding || unit.phase == Phase::kWaiting)
      add_line("restarting", unit.name, unit.reason);
  }
  for (const auto& [name, reason] : abandoned_) add_line("abandoned", name, reason);
  return text;
}

}  // namespace millrace::runtime
