#include "publish/publish_limits.hpp"

namespace millrace::ingest {

std::uint64_t bitrate_limit(const IngestConfig& config, const StreamLimits& own) {
  const std::uint64_t limit = std::uint64_t{config.max_bitrate_mbps} * 1'000'000;
  const std::uint64_t own_limit = std::uint64_t{own.max_bitrate_kbps} * 1000;
  return own_limit > 0 && (limit == 0 || own_limit < limit) ? own_limit : limit;
}

ResolutionLimit resolution_limit(const IngestConfig& config, const StreamLimits& own) {
  const Result<ResolutionLimit> own_limit = ResolutionLimit::parse(own.max_resolution);
  return own_limit ? config.max_resolution.with(*own_limit) : config.max_resolution;
}

}  // namespace millrace::ingest
