#include "rate_limit_metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

namespace millrace::api {
namespace {

class Collected final : public prometheus::Collectable {
 public:
  explicit Collected(const RateLimits& limits) : limits_(limits) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily family;
    family.name = "millrace_api_rate_limited_total";
    family.help = "Requests refused with 429, by whose limit it was";
    family.type = prometheus::MetricType::Counter;
    const auto add = [&](const char* by, const char* kind, std::uint64_t value) {
      prometheus::ClientMetric metric;
      metric.label = {{"by", by}, {"class", kind}};
      metric.counter.value = static_cast<double>(value);
      family.metric.push_back(std::move(metric));
    };
    const RateLimits::Refused refused = limits_.refused();
    add("address", "read", refused.reads_by_address);
    add("address", "write", refused.writes_by_address);
    add("account", "read", refused.reads_by_account);
    add("account", "write", refused.writes_by_account);
    return {std::move(family)};
  }

 private:
  const RateLimits& limits_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> rate_limit_metrics(const RateLimits& limits) {
  return std::make_shared<Collected>(limits);
}

}  // namespace millrace::api
