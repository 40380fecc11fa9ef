// Where the present incarnation of a supervised actor is. What is sent to an actor that is between a crash
// and its restart is gone; these two, and Inbox (inbox.hpp), are the ways to reach one that may be. Which to
// use: docs/supervision.md.
//
// Any thread.
#pragma once

#include <atomic>
#include <caf/actor.hpp>
#include <caf/atom.hpp>
#include <mutex>

namespace millrace::runtime {

// For what may be lost, or is answered when it is.
class ActorSlot {
 public:
  void set(caf::actor actor);
  // Null before the first start.
  caf::actor get() const;

 private:
  mutable std::mutex mutex_;
  caf::actor actor_;
};

using WakeAtom = caf::atom_constant<caf::atom("wake")>;

// For what is kept elsewhere: the actor is woken to look, and never finds more than one such message.
class WakeSlot {
 public:
  // Sends the actor WakeAtom unless one is already on its way.
  void wake();
  // A new incarnation: it is woken at once.
  void replace(const caf::actor& actor);
  // The actor begins its round: what changes from now on needs another wake.
  void awake() { waiting_ = false; }
  caf::actor actor() const { return actor_.get(); }

 private:
  ActorSlot actor_;
  std::atomic<bool> waiting_{false};
};

}  // namespace millrace::runtime
