#include "rate_limiter.hpp"

#include <algorithm>

namespace millrace::api {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

}  // namespace

RateLimiter::RateLimiter(unsigned per_second, std::size_t max_keys)
    : limit_(per_second * kBurstSeconds),
      interval_us_(per_second == 0 ? 0 : std::max<std::int64_t>(kSecondUs / per_second, 1)),
      full_us_(max_keys) {}

std::optional<RateLimiter::Refusal> RateLimiter::take(std::string_view key, std::int64_t now_us) {
  if (interval_us_ == 0) return std::nullopt;
  std::int64_t& known_us = touch(key, now_us);
  const std::int64_t full_us = std::max(known_us, now_us) + interval_us_;
  const std::int64_t early_us = full_us - now_us - interval_us_ * limit_;
  if (early_us > 0) return Refusal{limit_, early_us, known_us - now_us};
  known_us = full_us;
  return std::nullopt;
}

std::int64_t& RateLimiter::touch(std::string_view key, std::int64_t now_us) {
  if (std::int64_t* const known = full_us_.find(key)) {
    full_us_.touch(key);
    return *known;
  }
  return full_us_.put(key, now_us);
}

}  // namespace millrace::api
