// The keys of one issuer: which are good now, and when its server is to be asked.
//
//   in the background   at the start, then as often as the answer's Cache-Control says (5 min to 24 h; 1 h
//                       when it does not), after a failure sooner: 1 s, then twice as long each time up to
//                       5 min
//   on demand           when a token names a key that is not there, or there are none: at most once in 10 s
//
// One fetch at a time. While the server does not answer the keys of before stay good, up to 24 h from when
// they came; a set that has come replaces the one before, so that a withdrawn key is worth nothing from then
// on.
//
// Sans-IO; one owner; times are monotonic microseconds, passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "identities/jwks.hpp"

namespace millrace::auth {

class KeyCache {
 public:
  static constexpr std::int64_t kShortestRefreshUs = 5LL * 60 * 1'000'000;
  static constexpr std::int64_t kLongestRefreshUs = 24LL * 3600 * 1'000'000;
  static constexpr std::chrono::seconds kUsualLifetime{3600};
  static constexpr std::int64_t kMaxAgeUs = 24LL * 3600 * 1'000'000;
  static constexpr std::int64_t kDemandEveryUs = 10'000'000;
  static constexpr std::int64_t kFirstRetryUs = 1'000'000;
  static constexpr std::int64_t kLongestRetryUs = 5LL * 60 * 1'000'000;

  enum class Finding : std::uint8_t {
    kKey,
    kNoSuchKey,    // its issuer does not have it
    kFetch,        // ask the server (fetch_started), then look again
    kFetching,     // the server is being asked: look again when it has answered
    kUnavailable,  // nobody can say: the server did not answer lately
  };
  struct Found {
    Finding finding;
    const PublicKey* key = nullptr;  // until the next set
  };
  Found find(std::string_view kid, KeyAlgorithm algorithm, std::int64_t now_us) const;

  // The background's turn.
  bool is_due(std::int64_t now_us) const { return !fetching_ && now_us >= due_us_; }
  void fetch_started() { fetching_ = true; }
  void fetched(KeySet keys, std::chrono::seconds lifetime, std::int64_t now_us);
  void failed(std::int64_t now_us);

  std::size_t size() const { return keys_ ? keys_->size() : 0; }

 private:
  std::optional<KeySet> keys_;
  std::int64_t came_us_ = 0;
  std::int64_t due_us_ = 0;
  std::int64_t demand_us_ = 0;  // not before this
  std::int64_t retry_us_ = kFirstRetryUs;
  bool fetching_ = false;
  bool failing_ = false;  // the last fetch was one that failed
};

}  // namespace millrace::auth
