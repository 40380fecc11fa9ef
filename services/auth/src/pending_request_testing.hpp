// A request whose answer the test looks at.
#pragma once

#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "pending_request.hpp"

namespace millrace::auth {

class FakePendingRequest final : public PendingRequest {
 public:
  explicit FakePendingRequest(bus::v1::Request request) : request_(std::move(request)) {}
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return deadline; }
  void answer(bus::v1::Reply given) override { reply = std::move(given); }
  void expire() override { expired = true; }

  std::int64_t deadline = std::numeric_limits<std::int64_t>::max() / 2;
  std::optional<bus::v1::Reply> reply;
  std::atomic<bool> expired{false};

 private:
  bus::v1::Request request_;
};

}  // namespace millrace::auth
