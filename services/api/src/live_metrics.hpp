// The live feed's clients for Prometheus.
#pragma once

#include <prometheus/collectable.h>

#include <memory>

#include "live_hub.hpp"

namespace millrace::api {

// The hub outlives it.
std::shared_ptr<prometheus::Collectable> live_metrics(const LiveHub& hub);

}  // namespace millrace::api
