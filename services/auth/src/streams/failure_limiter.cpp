#include "streams/failure_limiter.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "net/ip_network.hpp"

namespace millrace::auth {
namespace {

constexpr std::size_t kMaxAddressText = 64;

// "1.2.3.4", "1.2.3.4:5", "::1", "[::1]:5" → the address alone.
std::string without_port(std::string_view text) {
  text = text.substr(0, kMaxAddressText);
  if (!text.empty() && text.front() == '[') return std::string(text.substr(1, text.find(']') - 1));
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    text = text.substr(0, colon);
  }
  return std::string(text);
}

}  // namespace

std::string limiter_name(std::string_view peer_address) {
  const std::optional<net::IpAddress> address = net::IpAddress::parse(without_port(peer_address));
  return address ? address->customer().text() : "?";
}

double FailureLimiter::left(const Bucket& bucket, std::int64_t now_us) const {
  const double seconds = static_cast<double>(std::max<std::int64_t>(0, now_us - bucket.at_us)) / 1e6;
  return std::min(limits_.burst, bucket.left + seconds * limits_.per_second);
}

bool FailureLimiter::may_try(const std::string& name, std::int64_t now_us) const {
  const Bucket* const bucket = buckets_.find(name);
  return bucket == nullptr || left(*bucket, now_us) >= 1;
}

void FailureLimiter::forgive(const std::string& name, std::int64_t now_us) {
  Bucket* const bucket = buckets_.find(name);
  if (bucket == nullptr) return;
  bucket->left = std::min(limits_.burst, left(*bucket, now_us) + 1);
  bucket->at_us = now_us;
}

std::uint32_t FailureLimiter::wait_seconds(const std::string& name, std::int64_t now_us) const {
  constexpr double kLongest = 24 * 3600;
  const Bucket* const bucket = buckets_.find(name);
  const double missing = bucket == nullptr ? 0 : 1 - left(*bucket, now_us);
  if (missing <= 0) return 0;
  const double seconds = limits_.per_second > 0 ? std::ceil(missing / limits_.per_second) : kLongest;
  return static_cast<std::uint32_t>(std::clamp(seconds, 1.0, kLongest));
}

void FailureLimiter::failed(const std::string& name, std::int64_t now_us) {
  const Bucket* const known = buckets_.find(name);
  const double before = known == nullptr ? limits_.burst : left(*known, now_us);
  buckets_.put(name, {std::max(0.0, before - 1), now_us});
}

}  // namespace millrace::auth
