#include "actors.hpp"

#include <caf/all.hpp>
#include <chrono>

#include "base/clock.hpp"
#include "runtime/detached_thread.hpp"

namespace millrace::transcoding {
namespace {

using TickAtom = caf::atom_constant<caf::atom("tick")>;

constexpr std::chrono::milliseconds kLookEvery{500};

struct WatcherState {
  static inline const char* name = "transcoding.watcher";
  runtime::DetachedThread thread;
};

// On a thread of its own: looking lists a directory and maps files.
caf::behavior watcher_actor(caf::stateful_actor<WatcherState>* self, std::shared_ptr<Watcher> watcher,
                            std::shared_ptr<runtime::WakeSlot> slot) {
  self->send(self, TickAtom::value);
  return {
      [self, watcher](TickAtom) {
        watcher->look(monotonic_us());
        self->delayed_send(self, kLookEvery, TickAtom::value);
      },
      [watcher, slot](runtime::WakeAtom) {
        slot->awake();
        watcher->look(monotonic_us());
      },
  };
}

}  // namespace

std::vector<runtime::ChildSpec> transcoding_children(const std::shared_ptr<Watcher>& watcher,
                                                     const std::shared_ptr<runtime::WakeSlot>& slot) {
  return {{.name = "watcher", .group = {}, .spawn = [watcher, slot](caf::event_based_actor& root) {
             caf::actor actor = root.spawn<caf::detached>(watcher_actor, watcher, slot);
             slot->replace(actor);
             return actor;
           }}};
}

}  // namespace millrace::transcoding
