// What a stream is called where everybody may see it: by its public id, or by its key where
// PUBLIC_STREAM_KEYS says so (Urls::public_keys). The one place that decides it, for GET /metrics and the
// live feed.
//
// Keys are remembered for a few seconds, and longer while auth does not answer. Bounded; thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_map.hpp"
#include "base/result.hpp"
#include "peers.hpp"
#include "urls.hpp"

namespace millrace::api {

class PublicNames {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLifetime{5};  // so long a key that was replaced is still shown
  // Beyond it the key that was learnt longest ago is forgotten: more than there are live streams.
  static constexpr std::size_t kCapacity = 16'384;

  // Both outlive this.
  PublicNames(Peers& peers, const Urls& urls) : peers_(peers), urls_(urls) {}

  // Asks auth for what is not remembered, and waits for it. Errors: auth did not answer.
  Result<void> learn(const std::vector<std::string>& stream_ids, Peers::Deadline deadline);
  // The public id where no key is known. An id or a key, which need no escapes.
  std::string name_of(const std::string& stream_id) const;

 private:
  struct Known {
    std::string key;
    Clock::time_point until;
  };
  std::vector<std::string> unknown_of(const std::vector<std::string>& stream_ids) const;

  Peers& peers_;
  const Urls& urls_;
  mutable std::mutex mutex_;
  BoundedMap<std::string, Known> known_{kCapacity};
};

}  // namespace millrace::api
