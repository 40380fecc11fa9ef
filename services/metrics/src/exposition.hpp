// The reports as Prometheus metrics. A public stream's series exist exactly as long as the stream is live;
// private streams are counted and not named.
#pragma once

#include <prometheus/collectable.h>

#include <memory>

#include "observatory.hpp"

namespace millrace::metrics {

class Exposition final : public prometheus::Collectable {
 public:
  explicit Exposition(std::shared_ptr<const Observatory> observatory);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::shared_ptr<const Observatory> observatory_;
};

}  // namespace millrace::metrics
