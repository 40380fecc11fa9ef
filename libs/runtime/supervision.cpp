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
  if (to == nullptr) to = &make_unit(unit_name, grouped, now);
  Member& member = to->members.emplace_back(Member{name, restart});
  members_.emplace(name, to->number);
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
    forget_member(*member, out);
    of->members.erase(member);
    if (of->members.empty()) forget(*of, out);
    return;
  }
  if (of->phase == Phase::kRunning) crash(*of, reason, now, out);
  after_down(*of, now, out);
}

void Supervision::crash(Unit& unit, const std::string& reason, Time now, Actions& out) {
  enter(unit, Phase::kEnding);
  unit.reason = reason;
  // What lived long enough starts from a clean sheet.
  if (now - unit.started >= config_.backoff.reset) unit.backoff = Time{0};
  kill_alive(unit, out);
}

void Supervision::after_down(Unit& unit, Time now, Actions& out) {
  const bool all_gone =
      std::none_of(unit.members.begin(), unit.members.end(), [](const Member& m) { return m.alive; });
  if (!all_gone) return;
  clear_timer(unit);
  if (unit.phase == Phase::kStopping) {
    forget(unit, out);
    return;
  }
  if (unit.group) out.emplace_back(event(Kind::kGroupDown, unit.name, unit.reason));
  std::erase_if(unit.members, [&](const Member& member) {
    const bool temporary = member.restart == Restart::kTemporary;
    if (temporary) forget_member(member, out);
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
  enter(unit, Phase::kWaiting);
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
  if (config_.on_exhausted == OnExhausted::kRest) {
    unit.crashes.clear();
    unit.backoff = Time{0};
    enter(unit, Phase::kWaiting);
    out.emplace_back(event(Kind::kResting, unit.name, unit.reason, config_.rest));
    set_timer(unit, config_.rest, out);
    return;
  }
  escalation_ = reason;
  out.emplace_back(event(Kind::kEscalated, unit.name, unit.reason));
  // It has nothing alive any more; the others are stopped in order, as they would be otherwise.
  enter(unit, Phase::kWaiting);
  stop_all(out);
}

void Supervision::timer(std::uint64_t id, Time now, Actions& out) {
  Unit* of = unit_of_timer(id);
  if (of == nullptr) return;
  clear_timer(*of);
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
  enter(unit, Phase::kRunning);
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
  if (of->phase != Phase::kStopping && begin_stop(*of, out) && stopping_) stop_next(out);
}

bool Supervision::begin_stop(Unit& unit, Actions& out) {
  const bool was_ending = unit.phase == Phase::kEnding;
  const bool any_alive =
      std::any_of(unit.members.begin(), unit.members.end(), [](const Member& m) { return m.alive; });
  enter(unit, Phase::kStopping);
  if (!any_alive) {
    erase(unit, out);
    return true;
  }
  if (was_ending) return false;  // killed already, and its timer runs
  unit.killed = false;
  for (auto member = unit.members.rbegin(); member != unit.members.rend(); ++member) {
    if (member->alive) out.emplace_back(EndMember{member->name, false});
  }
  set_timer(unit, config_.grace, out);
  return false;
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

// The last started first, one after the other: forget() comes back here.
void Supervision::stop_next(Actions& out) {
  while (!units_.empty()) {
    Unit& last = units_.rbegin()->second;
    if (last.phase == Phase::kStopping || !begin_stop(last, out)) return;
  }
  out.emplace_back(event(Kind::kStopped, config_.name, escalation_.value_or("")));
  out.emplace_back(End{escalation_.has_value(), escalation_.value_or("")});
}

void Supervision::set_timer(Unit& unit, Time delay, Actions& out) {
  clear_timer(unit);
  unit.timer = ++last_timer_;
  timers_.emplace(unit.timer, unit.number);
  out.emplace_back(SetTimer{unit.timer, delay});
}

void Supervision::clear_timer(Unit& unit) {
  timers_.erase(unit.timer);
  unit.timer = 0;
}

void Supervision::enter(Unit& unit, Phase phase) {
  unit.phase = phase;
  if (phase == Phase::kEnding || phase == Phase::kWaiting) {
    restarting_.insert(unit.number);
  } else {
    restarting_.erase(unit.number);
  }
}

Supervision::Unit& Supervision::make_unit(const std::string& name, bool group, Time now) {
  Unit& made = units_[++last_number_];
  made.number = last_number_;
  made.name = name;
  made.group = group;
  made.started = now;
  (group ? groups_ : children_).emplace(name, made.number);
  abandoned_.erase(name);
  return made;
}

void Supervision::forget_member(const Member& member, Actions& out) {
  members_.erase(member.name);
  out.emplace_back(ForgetMember{member.name});
}

void Supervision::erase(Unit& unit, Actions& out) {
  for (const Member& member : unit.members) forget_member(member, out);
  clear_timer(unit);
  restarting_.erase(unit.number);
  (unit.group ? groups_ : children_).erase(unit.name);
  units_.erase(unit.number);
}

void Supervision::forget(Unit& unit, Actions& out) {
  erase(unit, out);
  if (stopping_) stop_next(out);
}

Supervision::Unit* Supervision::unit(const std::string& name, bool group) {
  const Index& index = group ? groups_ : children_;
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &units_.at(found->second);
}

Supervision::Unit* Supervision::unit_of_member(const std::string& name) {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &units_.at(found->second);
}

Supervision::Unit* Supervision::unit_of_timer(std::uint64_t id) {
  const auto found = timers_.find(id);
  return found == timers_.end() ? nullptr : &units_.at(found->second);
}

std::string Supervision::trouble() const {
  std::string text;
  std::size_t named = 0;
  const auto name_one = [&](std::string_view what, const std::string& name, const std::string& reason) {
    if (!text.empty()) text += "; ";
    text.append(what).append(" ").append(name).append(": ").append(reason);
    return ++named < kMostNamed;
  };
  const std::size_t all = restarting_.size() + abandoned_.size();
  for (const std::uint64_t number : restarting_) {
    const Unit& unit = units_.at(number);
    if (!name_one("restarting", unit.name, unit.reason)) break;
  }
  for (const auto& [name, reason] : abandoned_) {
    if (named >= kMostNamed || !name_one("abandoned", name, reason)) break;
  }
  if (named < all) text += "; " + std::to_string(all - named) + " more";
  return text;
}

}  // namespace millrace::runtime
