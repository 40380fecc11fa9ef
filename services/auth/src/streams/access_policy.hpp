// Who decides about publishers and players; configuration, constant. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "hooks/hook.hpp"

namespace millrace::auth {

// Who says yes or no first. Hooks that are configured are asked after the store or the callback agreed.
enum class Decides : std::uint8_t { kStore, kCallback, kHooks };

struct AccessPolicy {
  Decides decides = Decides::kStore;
  bool private_by_default = false;
  std::chrono::milliseconds hook_timeout{4000};
  std::vector<HookPtr> hooks{};  // in the order they are asked
};

}  // namespace millrace::auth
