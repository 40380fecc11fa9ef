// What millrace-transcoder --plan says. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "transcoding/v1/transcoding.pb.h"
#include "wanted.hpp"

namespace millrace::transcoding {

struct StreamPlan {
  v1::RenditionsPlanned renditions;
  // What it was planned by: who makes the renditions goes by the same.
  SourceRates rates{};
  std::uint32_t picture = 0;  // index of the configuration, in the source's log
};

// stream_id, encoder: not in it. "transcoding.plan": it is not that.
Result<StreamPlan> parse_plan_line(const std::string& stream_id, const std::string& encoder,
                                   std::string_view line);

}  // namespace millrace::transcoding
