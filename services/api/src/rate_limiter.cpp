#include "rate_limiter.hpp"

#include <algorithm>

namespace millrace::api {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

}  // namespace

RateLimiter::RateLimiter(unsigned per_second, std::size_t max_keys)
    : limit_(per_second * kBurstSeconds),
      interval_us_(per_second == 0 ? 0 : std::max<std::int64_t>(kSecondUs / per_second, 1)),
      max_keys_(max_keys) {}

std::optional<RateLimiter::Refusal> RateLimiter::take(std::string_view key, std::int64_t now_us) {
  if (interval_us_ == 0) return std::nullopt;
  Bucket& bucket = touch(key, now_us);
  const std::int64_t full_us = std::max(bucket.full_us, now_us) + interval_us_;
  const std::int64_t early_us = full_us - now_us - interval_us_ * limit_;
  if (early_us > 0) return Refusal{limit_, early_us, bucket.full_us - now_us};
  bucket.full_us = full_us;
  return std::nullopt;
}

RateLimiter::Bucket& RateLimiter::touch(std::string_view key, std::int64_t now_us) {
  if (const auto found = buckets_.find(key); found != buckets_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front();
  }
  if (order_.size() >= max_keys_) {
    buckets_.erase(order_.back().key);
    order_.pop_back();
  }
  order_.push_front({std::string(key), now_us});
  buckets_.emplace(order_.front().key, order_.begin());
  return order_.front();
}

}  // namespace millrace::api
