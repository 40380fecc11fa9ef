#include "application_probes.hpp"

#include <utility>

#include "http/errors.hpp"

namespace millrace::api {

ProbeOutcome outcome_of(const Result<http::Response>& answer) {
  if (answer) return answer->status == 200 ? ProbeOutcome::kAnswered : ProbeOutcome::kMissed;
  const std::string_view code = answer.error().code;
  if (code == http::errors::kStopped) return ProbeOutcome::kStopped;
  if (code == http::errors::kUnsent || code == http::errors::kOverloaded) return ProbeOutcome::kUnsent;
  return ProbeOutcome::kMissed;
}

bool ApplicationProbes::add(ProbeOutcome outcome, std::uint64_t answers) {
  const bool answers_others = std::exchange(answers_, answers) != answers;
  if (outcome == ProbeOutcome::kStopped) return true;
  const bool well =
      outcome == ProbeOutcome::kAnswered || (outcome == ProbeOutcome::kUnsent && answers_others);
  misses_ = well ? 0 : misses_ + 1;
  return misses_ < kMostMisses;
}

}  // namespace millrace::api
