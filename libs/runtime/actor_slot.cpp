#include "runtime/actor_slot.hpp"

#include <caf/send.hpp>
#include <utility>

namespace millrace::runtime {

void ActorSlot::set(caf::actor actor) {
  const std::lock_guard lock(mutex_);
  actor_ = std::move(actor);
}

caf::actor ActorSlot::get() const {
  const std::lock_guard lock(mutex_);
  return actor_;
}

void WakeSlot::wake() {
  if (waiting_.exchange(true)) return;
  if (const caf::actor actor = actor_.get()) caf::anon_send(actor, WakeAtom::value);
}

void WakeSlot::replace(const caf::actor& actor) {
  actor_.set(actor);
  waiting_ = true;
  if (actor) caf::anon_send(actor, WakeAtom::value);
}

}  // namespace millrace::runtime
