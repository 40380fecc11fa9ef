#include "failure_limiter.hpp"

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
  const auto found = buckets_.find(name);
  return found == buckets_.end() || left(found->second, now_us) >= 1;
}

void FailureLimiter::forgive(const std::string& name, std::int64_t now_us) {
  const auto found = buckets_.find(name);
  if (found == buckets_.end()) return;
  found->second.left = std::min(limits_.burst, left(found->second, now_us) + 1);
  found->second.at_us = now_us;
}

std::uint32_t FailureLimiter::wait_seconds(const std::string& name, std::int64_t now_us) const {
  constexpr double kLongest = 24 * 3600;
  const auto found = buckets_.find(name);
  const double missing = found == buckets_.end() ? 0 : 1 - left(found->second, now_us);
  if (missing <= 0) return 0;
  const double seconds = limits_.per_second > 0 ? std::ceil(missing / limits_.per_second) : kLongest;
  return static_cast<std::uint32_t>(std::clamp(seconds, 1.0, kLongest));
}

void FailureLimiter::failed(const std::string& name, std::int64_t now_us) {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) {
    Bucket& bucket = found->second;
    bucket.left = std::max(0.0, left(bucket, now_us) - 1);
    bucket.at_us = now_us;
    newest_first_.splice(newest_first_.begin(), newest_first_, bucket.order);
    return;
  }
  if (buckets_.size() >= limits_.max_addresses) {
    buckets_.erase(newest_first_.back());
    newest_first_.pop_back();
  }
  newest_first_.push_front(name);
  buckets_.emplace(name, Bucket{limits_.burst - 1, now_us, newest_first_.begin()});
}

}  // namespace millrace::auth
