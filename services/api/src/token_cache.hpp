// Good bearer tokens, remembered for a few seconds so that a busy client does not cost a question each.
// Bounded; forgets everything when full. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

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
  // How long a token that was revoked or has expired may still pass.
  static constexpr std::chrono::seconds kLifetime{5};

  std::optional<Identity> find(const std::string& token, Clock::time_point now);
  void remember(const std::string& token, Identity identity, Clock::time_point now);

 private:
  struct Entry {
    Identity identity;
    Clock::time_point until;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace millrace::api
