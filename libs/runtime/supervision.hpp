// The decisions of a supervisor, without actors: what ended and how late it is go in, what to do comes out.
// The actor in supervisor.cpp performs it. docs/supervision.md has the same as a list.
//
// A unit is a child that stands alone, or a crash group.
//
//                      all gone                 time is over
//   running ──> ending ────────> waiting ───────────────────> running
//      │  a crash; the others      │   back-off
//      │  of a group are killed    │
//      └──────────> stopping <─────┘   stop_child, stop_group, stop: exit, grace, kill, grace
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "runtime/supervisor.hpp"

namespace millrace::runtime {

class Supervision {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed point
  // Units that trouble() names at most; the others are counted.
  static constexpr std::size_t kMostNamed = 8;

  struct StartMember {
    std::string name;
  };
  struct EndMember {
    std::string name;
    bool kill;
  };
  // It did not even end when it was killed (a thread that blocks): it is no longer waited for.
  struct LoseMember {
    std::string name;
  };
  // The specification of this child is not needed any more.
  struct ForgetMember {
    std::string name;
  };
  struct SetTimer {
    std::uint64_t id;
    Time delay;
  };
  struct End {
    bool escalated;
    std::string reason;
  };
  using Action =
      std::variant<StartMember, EndMember, LoseMember, ForgetMember, SetTimer, SupervisorEvent, End>;
  using Actions = std::vector<Action>;

  explicit Supervision(const SupervisorConfig& config);

  // False: the name is taken, or everything is being stopped.
  bool add(const std::string& name, const std::string& group, Restart restart, Time now, Actions& out);
  void member_down(const std::string& name, bool normal, const std::string& reason, Time now, Actions& out);
  void timer(std::uint64_t id, Time now, Actions& out);
  // By the child's, or by the group's name. Unknown names are ignored.
  void stop_unit(const std::string& name, bool group, Actions& out);
  void stop_all(Actions& out);

  // "restarting b: reason; abandoned c: reason; 3 more", empty when all is well.
  std::string trouble() const;

 private:
  enum class Phase : std::uint8_t { kRunning, kEnding, kWaiting, kStopping };
  struct Member {
    std::string name;
    Restart restart;
    bool alive = false;
  };
  struct Unit {
    std::uint64_t number = 0;  // counts up in the order of their first start
    std::string name;
    bool group = false;
    Phase phase = Phase::kRunning;
    std::vector<Member> members;  // in the order of their start
    std::deque<Time> crashes;     // within the window
    Time backoff{0};              // the last delay; zero before the first crash
    Time started{0};
    std::uint64_t timer = 0;  // zero: none
    bool killed = false;      // stopping: the grace is over
    std::string reason;       // of the last crash
  };
  using Units = std::map<std::uint64_t, Unit>;  // by number
  using Index = std::unordered_map<std::string, std::uint64_t>;

  Unit* unit(const std::string& name, bool group);
  Unit* unit_of_member(const std::string& name);
  Unit* unit_of_timer(std::uint64_t id);
  Unit& make_unit(const std::string& name, bool group, Time now);
  void enter(Unit& unit, Phase phase);
  void start(Unit& unit, Time now, Actions& out);
  void crash(Unit& unit, const std::string& reason, Time now, Actions& out);
  void restart(Unit& unit, Time now, Actions& out);
  void exhausted(Unit& unit, Actions& out);
  // True: nothing of it was alive, and it is gone.
  bool begin_stop(Unit& unit, Actions& out);
  void kill_alive(Unit& unit, Actions& out);
  void set_timer(Unit& unit, Time delay, Actions& out);
  void clear_timer(Unit& unit);
  void forget_member(const Member& member, Actions& out);
  void erase(Unit& unit, Actions& out);
  // erase(), and the next one's turn where everything is being stopped.
  void forget(Unit& unit, Actions& out);
  void after_down(Unit& unit, Time now, Actions& out);
  void stop_next(Actions& out);

  SupervisorConfig config_;
  Units units_;
  std::uint64_t last_number_ = 0;
  Index children_, groups_, members_;  // names to numbers of units
  std::unordered_map<std::uint64_t, std::uint64_t> timers_;
  std::set<std::uint64_t> restarting_;
  std::map<std::string, std::string> abandoned_;  // unit and reason
  std::uint64_t last_timer_ = 0;
  bool stopping_ = false;
  std::optional<std::string> escalation_;
};

}  // namespace millrace::runtime
