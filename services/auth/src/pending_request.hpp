// A request of the bus that is answered later. Answered at most once; when it is dropped without an answer,
// the client gets its answer.
#pragma once

#include <cstdint>
#include <memory>

#include "bus/v1/bus.pb.h"

namespace millrace::auth {

class PendingRequest {
 public:
  virtual ~PendingRequest() = default;
  virtual const bus::v1::Request& request() const = 0;
  // CLOCK_MONOTONIC: nobody waits any longer after this.
  virtual std::int64_t deadline_us() const = 0;
  virtual void answer(bus::v1::Reply reply) = 0;
  // Left to the bus, which has already answered with its deadline.
  virtual void expire() = 0;
};
using PendingRequestPtr = std::shared_ptr<PendingRequest>;

}  // namespace millrace::auth
