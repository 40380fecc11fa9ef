// What a token of ours is worth, in memory, so that VerifyToken asks no database: which account is an
// administrator, and whose tokens of before which moment are worth nothing (password changed, switched off,
// deleted, taken back by the operator). Of accounts only moments within the longest life of their tokens are
// kept: older tokens have expired. Of other subjects all are, as nobody knows how long their tokens live.
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/wall_time.hpp"

namespace millrace::auth {

struct Revocation {
  std::string subject;
  WallTime at{};  // tokens issued until then are refused
};

// Whose tokens of before which moment are worth nothing. Bounded: when it is full, the oldest is forgotten
// and, to be safe, all tokens issued until then are refused.
class Revocations {
 public:
  // memory_us: how long a revocation matters; 0: for ever.
  Revocations(std::size_t max, std::int64_t memory_us) : max_(max), memory_us_(memory_us) {}

  void add(const Revocation& revocation);
  bool refuse(const std::string& subject, WallTime issued) const;

 private:
  const std::size_t max_;
  const std::int64_t memory_us_;
  std::unordered_map<std::string, WallTime> revoked_;
  std::deque<std::pair<WallTime, std::string>> in_order_;
  WallTime floor_ = WallTime::from_us(-1);  // a token that says no time counts as of 0
};

class AccessView {
 public:
  // A day: longer than ACCESS_TOKEN_MINUTES can be.
  static constexpr std::int64_t kMemoryUs = 25LL * 3600 * 1'000'000;
  // Of each kind. When more happens to accounts in a day, everybody who logged in before logs in again.
  static constexpr std::size_t kMaxRevocations = 100'000;

  enum class Standing : std::uint8_t {
    kUnknown,  // not loaded yet: nobody can say
    kRefused,
    kGood,
    kAdmin,  // the account is an administrator's
  };

  explicit AccessView(std::size_t max_revocations = kMaxRevocations)
      : accounts_(max_revocations, kMemoryUs), others_(max_revocations, 0) {}

  // All of it, as the database has it.
  void load(const std::vector<std::string>& admins, const std::vector<Revocation>& revocations);
  void revoke(const Revocation& revocation);
  void set_admin(const std::string& subject, bool admin);

  // issued: when the token was.
  Standing standing(std::string_view subject, WallTime issued) const;

 private:
  void add(const Revocation& revocation);

  mutable std::mutex mutex_;
  std::unordered_set<std::string> admins_;
  Revocations accounts_;
  Revocations others_;
  bool loaded_ = false;
};

}  // namespace millrace::auth
