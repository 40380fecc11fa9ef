// Judges the probes of the application: whether it is to be given up and started again. Pure.
//
//   sent, answered 200            it is well
//   sent, not answered, or badly  a miss
//   could not be sent             says nothing by itself: a miss when the application has answered nobody
//                                 since the last probe, as then all connections wait for it
//   the connections were stopped  says nothing
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "http/message.hpp"

namespace millrace::api {

enum class ProbeOutcome : std::uint8_t { kAnswered, kMissed, kUnsent, kStopped };
ProbeOutcome outcome_of(const Result<http::Response>& answer);

class ApplicationProbes {
 public:
  static constexpr unsigned kMostMisses = 3;  // in a row

  // answers: how many there were when the application was started, of the ones before it too.
  explicit ApplicationProbes(std::uint64_t answers) : answers_(answers) {}

  // answers: how many there are by now, to anybody. False: it does not answer, give it up.
  bool add(ProbeOutcome outcome, std::uint64_t answers);

 private:
  unsigned misses_ = 0;
  std::uint64_t answers_;
};

}  // namespace millrace::api
