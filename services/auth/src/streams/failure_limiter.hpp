// How often one address may be wrong: a token bucket per address, paid by failures only. Memory is bounded:
// the address that failed least recently is forgotten first. Pure; one owner; times (monotonic, microseconds)
// are passed in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bounded_map.hpp"

namespace millrace::auth {

// What addresses are counted by: their customer (net::IpAddress::customer), the port left out.
// Whatever is not an address shares one name.
std::string limiter_name(std::string_view peer_address);

struct FailureLimits {
  double burst = 20;      // failures in a row before the address has to wait
  double per_second = 1;  // failures allowed after that
  std::size_t max_addresses = 4096;
};

class FailureLimiter {
 public:
  explicit FailureLimiter(FailureLimits limits) : limits_(limits), buckets_(limits.max_addresses) {}

  // False while the address has to wait.
  bool may_try(const std::string& name, std::int64_t now_us) const;
  void failed(const std::string& name, std::int64_t now_us);
  // Takes one failure back.
  void forgive(const std::string& name, std::int64_t now_us);
  // 0: it may try now; else whole seconds, at least 1.
  std::uint32_t wait_seconds(const std::string& name, std::int64_t now_us) const;
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left;
    std::int64_t at_us;
  };
  double left(const Bucket& bucket, std::int64_t now_us) const;

  FailureLimits limits_;
  BoundedMap<std::string, Bucket> buckets_;
};

}  // namespace millrace::auth
