#include "rate_limits.hpp"

#include <string>

#include "net/ip_network.hpp"

namespace millrace::api {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

bool is_read(http::Method method) {
  return method == http::Method::kGet || method == http::Method::kHead;
}

std::string seconds(std::int64_t us) {
  return std::to_string((us + kSecondUs - 1) / kSecondUs);
}

http::Response refusal(const RateLimiter::Refusal& refused) {
  http::Response response = http::Response::problem(
      429, "rate_limited", "Too many requests. Try again after the time in Retry-After.");
  response.headers.add("Retry-After", seconds(refused.after_us));
  response.headers.add("RateLimit-Limit", std::to_string(refused.limit));
  response.headers.add("RateLimit-Remaining", "0");
  response.headers.add("RateLimit-Reset", seconds(refused.full_again_us));
  return response;
}

}  // namespace

RateLimits::RateLimits(const RateRules& rules)
    : address_reads_(rules.reads_per_address),
      address_writes_(rules.writes_per_address),
      account_reads_(rules.reads_per_account),
      account_writes_(rules.writes_per_account) {}

std::optional<http::Response> RateLimits::admit_address(http::Method method, std::string_view address,
                                                        std::int64_t now_us) {
  Limiter& limiter = is_read(method) ? address_reads_ : address_writes_;
  if (limiter.off || method == http::Method::kOptions) return std::nullopt;
  const std::optional<net::IpAddress> parsed = net::IpAddress::parse(address);
  if (!parsed) return take(limiter, address, now_us);
  return take(limiter, as_text(parsed->customer().bytes()), now_us);
}

std::optional<http::Response> RateLimits::admit_account(http::Method method, std::string_view subject,
                                                        std::int64_t now_us) {
  Limiter& limiter = is_read(method) ? account_reads_ : account_writes_;
  if (limiter.off || subject.empty()) return std::nullopt;
  return take(limiter, subject, now_us);
}

std::optional<http::Response> RateLimits::take(Limiter& limiter, std::string_view key, std::int64_t now_us) {
  std::optional<RateLimiter::Refusal> refused;
  {
    const std::lock_guard lock(limiter.mutex);
    refused = limiter.buckets.take(key, now_us);
    if (refused) ++limiter.refused;
  }
  if (!refused) return std::nullopt;
  return refusal(*refused);
}

std::uint64_t RateLimits::count(Limiter& limiter) {
  const std::lock_guard lock(limiter.mutex);
  return limiter.refused;
}

RateLimits::Refused RateLimits::refused() const {
  return {.reads_by_address = count(address_reads_),
          .writes_by_address = count(address_writes_),
          .reads_by_account = count(account_reads_),
          .writes_by_account = count(account_writes_)};
}

}  // namespace millrace::api
