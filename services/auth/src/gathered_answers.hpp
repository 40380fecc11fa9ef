// The answers of several instances of ingest to one order. Any thread; the last answer calls done.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/reply_codes.hpp"
#include "base/result.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::auth {

class GatheredAnswers {
 public:
  // true: one of them carried it out; false: all say that the stream is not live; else the error of one
  // that did not say.
  using Done = std::function<void(Result<bool>)>;

  GatheredAnswers(std::size_t expected, Done done) : left_(expected), done_(std::move(done)) {}

  void add(const Result<bus::v1::Reply>& reply) {
    {
      const std::lock_guard lock(mutex_);
      if (reply) {
        carried_out_ = true;
      } else if (reply.error().code != reply_codes::kNotLive) {
        error_ = reply.error();
      }
      if (--left_ > 0) return;
    }
    if (carried_out_) return done_(true);
    if (error_) return done_(tl::unexpected<Error>(*error_));
    done_(false);
  }

 private:
  std::mutex mutex_;
  std::size_t left_;
  const Done done_;
  bool carried_out_ = false;
  std::optional<Error> error_;
};

}  // namespace millrace::auth
