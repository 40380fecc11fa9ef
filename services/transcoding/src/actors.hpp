// transcoding's actors: one, that has the watcher look.
#pragma once

#include <memory>
#include <vector>

#include "runtime/actor_slot.hpp"
#include "runtime/supervisor.hpp"
#include "watcher.hpp"

namespace millrace::transcoding {

// For the root supervisor. The watcher outlives its actor: children that run stay known when that crashes.
// slot: whoever wakes it has it look at once.
std::vector<runtime::ChildSpec> transcoding_children(const std::shared_ptr<Watcher>& watcher,
                                                     const std::shared_ptr<runtime::WakeSlot>& slot);

}  // namespace millrace::transcoding
