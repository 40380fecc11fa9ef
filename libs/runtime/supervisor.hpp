// Keeps actors alive: restarts what crashed, takes crash groups down and up together, gives up in order. What
// happens when, step by step: docs/supervision.md.
//
//   caf::actor root = spawn_supervisor(
//       system, {.name = "root"},
//       {{.name = "writer", .spawn = [](auto& self) { return self.spawn(writer_actor); }}});
//   add_child(root, {.name = "publication/" + id, .group = id, .spawn = …, .restart = Restart::kTransient});
//   stop(root);          // children in reverse order: exit, grace, kill
//
// A supervisor is an actor, so it can be a child of another one. A child is any actor that ends on exit
// messages.
#pragma once

#include <caf/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::runtime {

class Health;

// When an ended child is started again.
enum class Restart : std::uint8_t {
  kPermanent,  // always
  kTransient,  // after a crash only, not after a normal end
  kTemporary,  // never
};

struct ChildSpec {
  std::string name{};   // unique in its supervisor; log lines name it
  std::string group{};  // crash group; empty: the child stands alone
  // Runs in the supervisor at every start. Spawn as a plain (unlinked, unmonitored) actor. An exception
  // counts as a crash.
  std::function<caf::actor(caf::event_based_actor& supervisor)> spawn{};
  Restart restart = Restart::kPermanent;
};

struct Backoff {
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds limit{10'000};  // doubles up to this
  std::chrono::milliseconds reset{60'000};  // of life without a crash: back to the first
};

// More than `restarts` crashes of one child or group within `window` exhaust it.
struct Intensity {
  unsigned restarts = 5;
  std::chrono::milliseconds window{30'000};
};

enum class OnExhausted : std::uint8_t {
  kEscalate,  // the supervisor stops all children and ends with an error: its own supervisor's turn
  kAbandon,   // only that child or group stays down; the others live on
  kRest,  // only that child or group stays down, for SupervisorConfig::rest; then its crashes are forgotten
};

struct SupervisorEvent {
  enum class Kind : std::uint8_t {
    kStarted,
    kDown,
    kGroupDown,
    kRestarting,
    kAbandoned,
    kResting,
    kEscalated,
    kStopped
  };
  Kind kind;
  std::string name;                    // of the child, or of the group
  std::string reason;                  // why it went down
  std::chrono::milliseconds delay{0};  // kRestarting, kResting: until the start
};

struct SupervisorConfig {
  std::string name{};
  Backoff backoff{};
  Intensity intensity{};
  OnExhausted on_exhausted = OnExhausted::kEscalate;
  std::chrono::milliseconds rest{30'000};
  std::chrono::milliseconds grace{5'000};  // between exit and kill of one child
  // "<name>" is degraded while a child waits for its restart, ready otherwise. Optional.
  std::shared_ptr<Health> health{};
  // Runs in the supervisor; must not block. Optional.
  std::function<void(const SupervisorEvent&)> observer{};
};

caf::actor spawn_supervisor(caf::actor_system& system, SupervisorConfig config,
                            std::vector<ChildSpec> children = {});
// From within a ChildSpec::spawn of the parent supervisor.
caf::actor spawn_supervisor(caf::event_based_actor& parent, SupervisorConfig config,
                            std::vector<ChildSpec> children = {});

// Any thread. Adding a name that is there already is ignored with a log line; a group that waits for its
// restart starts the new member with the rest.
void add_child(const caf::actor& supervisor, ChildSpec child);
// Ends and forgets one child (exit, grace, kill), or every member of a group.
void stop_child(const caf::actor& supervisor, std::string name);
void stop_group(const caf::actor& supervisor, std::string group);
// Ends all children, the last started first, one after the other (a group at once), then the supervisor
// itself.
void stop(const caf::actor& supervisor);

}  // namespace millrace::runtime
