// transcoding's actors: one, that has the watcher look.
#pragma once

#include <memory>
#include <vector>

#include "runtime/supervisor.hpp"
#include "watcher.hpp"

namespace millrace::transcoding {

// For the root supervisor. The watcher outlives its actor: children that run stay known when that crashes.
std::vector<runtime::ChildSpec> transcoding_children(const std::shared_ptr<Watcher>& watcher);

}  // namespace millrace::transcoding
