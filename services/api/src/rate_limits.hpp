// The API's rate limits: of an address (IPv6: a /64) at the edge, of an account in the application; reads and
// writes apart. Thread-safe. What guards passwords is not here: auth counts their failures itself.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "http/message.hpp"
#include "rate_limiter.hpp"

namespace millrace::api {

// Requests a second; 0: no limit.
struct RateRules {
  unsigned reads_per_address = 0;
  unsigned writes_per_address = 0;
  unsigned reads_per_account = 0;
  unsigned writes_per_account = 0;
};

class RateLimits {
 public:
  explicit RateLimits(const RateRules& rules);

  // The answer that refuses: 429 with Retry-After and RateLimit-Limit, -Remaining and -Reset
  // (draft-ietf-httpapi-ratelimit- headers-06); nullopt: go on. GET and HEAD are reads; OPTIONS is not
  // counted.
  std::optional<http::Response> admit_address(http::Method method, std::string_view address,
                                              std::int64_t now_us);
  std::optional<http::Response> admit_account(http::Method method, std::string_view subject,
                                              std::int64_t now_us);

  struct Refused {
    std::uint64_t reads_by_address = 0, writes_by_address = 0, reads_by_account = 0, writes_by_account = 0;
  };
  Refused refused() const;

 private:
  struct Limiter {
    explicit Limiter(unsigned per_second) : buckets(per_second), off(per_second == 0) {}
    std::mutex mutex;
    RateLimiter buckets;
    std::uint64_t refused = 0;
    const bool off;
  };
  static std::optional<http::Response> take(Limiter& limiter, std::string_view key, std::int64_t now_us);
  static std::uint64_t count(Limiter& limiter);

  mutable Limiter address_reads_, address_writes_, account_reads_, account_writes_;
};

}  // namespace millrace::api
