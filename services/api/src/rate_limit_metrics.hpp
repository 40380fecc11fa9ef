// millrace_api_rate_limited_total{by, class}: requests answered with 429; by "address" or "account", class
// "read" or "write".
#pragma once

#include <memory>

#include "rate_limits.hpp"

namespace prometheus {
class Collectable;
}

namespace millrace::api {

// limits outlives it.
std::shared_ptr<prometheus::Collectable> rate_limit_metrics(const RateLimits& limits);

}  // namespace millrace::api
