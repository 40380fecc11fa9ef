// Good bearer tokens, remembered for a few seconds so that a busy client does not cost a question each.
// Bounded; forgets the oldest when full. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/bounded_map.hpp"
#include "policy/policy.hpp"

namespace millrace::api {

// Who calls. Nobody in particular: kAnyone without a subject.
struct Identity {
  std::string subject;
  policy::Role role = policy::Role::kAnyone;

  policy::Caller caller() const { return {role, subject}; }
};

class TokenCache {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kCapacity = 1024;
  // How long a token that has expired may still pass, and one that was revoked while auth could not say so.
  static constexpr std::chrono::seconds kLifetime{5};

  // epoch: Peers::access_epoch, taken before auth was asked. With another one than before everything is
  // forgotten; what was asked under an older one is not remembered.
  std::optional<Identity> find(const std::string& token, std::uint64_t epoch, Clock::time_point now);
  void remember(const std::string& token, Identity identity, std::uint64_t epoch, Clock::time_point now);

 private:
  struct Entry {
    Identity identity;
    Clock::time_point until;
  };
  void enter(std::uint64_t epoch);

  std::mutex mutex_;
  std::uint64_t epoch_ = 0;
  BoundedMap<std::string, Entry> entries_{kCapacity};
};

}  // namespace millrace::api
