// Plays whose end a hook wants to hear. They do not outlive auth. One owner, one thread at a time.
#pragma once

#include <cstdint>

#include "base/bounded_map.hpp"
#include "hooks/hook.hpp"

namespace millrace::auth {

struct Play {
  AccessRequest request;
  std::uint32_t owed = 0;  // HookKind bits: hooks that let it in and have not acknowledged its end yet
};

class PlayLedger {
 public:
  static constexpr std::size_t kMaxPlays = 100'000;  // the oldest is forgotten

  // Nothing when it is known, or nobody wants to hear of its end.
  void add(const AccessRequest& request, std::uint32_t owed) {
    if (owed != 0 && !plays_.contains(request.id)) plays_.put(request.id, {request, owed});
  }
  const Play* find(std::uint64_t id) const { return plays_.find(id); }
  // This hook has heard of its end, or never will.
  void settle(std::uint64_t id, HookKind hook) {
    Play* const play = plays_.find(id);
    if (play == nullptr) return;
    play->owed &= ~bit(hook);
    if (play->owed == 0) plays_.erase(id);
  }

 private:
  BoundedMap<std::uint64_t, Play> plays_{kMaxPlays};
};

}  // namespace millrace::auth
