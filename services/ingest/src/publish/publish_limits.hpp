// What a publisher is held to: the server's limit, or the stream's own where that is lower. What a stream's
// owner wrote there may be no limit at all. Pure.
#pragma once

#include <cstdint>

#include "config.hpp"
#include "publish/resolution_limit.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

// Bits per second; 0: any.
std::uint64_t bitrate_limit(const IngestConfig& config, const StreamLimits& own);
ResolutionLimit resolution_limit(const IngestConfig& config, const StreamLimits& own);

}  // namespace millrace::ingest
