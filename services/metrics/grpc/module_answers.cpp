#include "module_answers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "policy/policy.hpp"
#include "stream_health.hpp"

namespace millrace::metrics {
namespace {

constexpr const char* kModuleName = "rtmp-proxy";  // as MarchProxy's document has it

// Nobody proves who he is here; what such a caller may see the one table of operations says.
bool shown(const StreamReport& stream) {
  const bool allowed = policy::judge({}, policy::Operation::kReadStatus) == policy::Verdict::kAllowed;
  return allowed && !stream.is_private;
}

template <class T>
std::int32_t clamp32(T value) {
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  return static_cast<double>(value) >= static_cast<double>(kMost) ? kMost : static_cast<std::int32_t>(value);
}

std::int32_t kbps(const StreamReport& stream) {
  return clamp32(std::lround(stream.bytes_per_second * 8 / 1000));
}

// Of RFC 6381's first element.
std::string codec_name(std::string_view codec) {
  constexpr std::pair<std::string_view, const char*> kNames[] = {{"avc1", "h264"}, {"avc3", "h264"},
                                                                 {"hvc1", "h265"}, {"hev1", "h265"},
                                                                 {"av01", "av1"},  {"vp09", "vp9"}};
  const std::string_view first = codec.substr(0, codec.find('.'));
  for (const auto& [name, told] : kNames) {
    if (first == name) return told;
  }
  return std::string(first);
}

bool has(const StreamReport& stream, HealthReason reason) {
  return (stream.health_reasons >> static_cast<unsigned>(reason) & 1U) != 0;
}

const char* route_status(const StreamReport& stream) {
  if (has(stream, HealthReason::kNoStatistics)) return "error";
  return has(stream, HealthReason::kStalled) ? "idle" : "active";
}

// Nothing is encoded again: packaging hands out what came, once it has a segment.
void add_profile(const StreamReport& stream, marchproxy::StreamRoute& route) {
  if (stream.segment_latency_seconds <= 0) return;
  marchproxy::TranscodeProfile& profile = *route.add_profiles();
  profile.set_name("source");
  profile.set_codec(codec_name(stream.video_codec.empty() ? stream.audio_codec : stream.video_codec));
  profile.set_bitrate(kbps(stream));
  profile.set_resolution(clamp32(stream.height));
  profile.set_status(has(stream, HealthReason::kNoStatistics) ? "error" : "encoding");
}

}  // namespace

marchproxy::StatusResponse status_response(const ModuleState& state) {
  marchproxy::StatusResponse response;
  response.set_module_name(kModuleName);
  response.set_version(MILLRACE_VERSION);
  response.set_status(std::string(to_string(state.health)));
  response.set_active_streams(clamp32(state.report.streams.size()));
  response.set_total_bytes_in(static_cast<std::int64_t>(state.report.received_bytes));
  response.set_total_bytes_out(static_cast<std::int64_t>(state.report.sent_bytes));
  response.set_uptime(uptime_text(state.uptime_us));
  return response;
}

marchproxy::RoutesResponse routes_response(const ModuleState& state, const std::string& rtmp_base_url) {
  marchproxy::RoutesResponse response;
  for (const StreamReport& stream : state.report.streams) {
    if (!shown(stream)) continue;
    marchproxy::StreamRoute& route = *response.add_routes();
    route.set_stream_key(stream.stream_id);
    route.set_source(rtmp_base_url + "/" + stream.app + "/" + stream.stream_id);
    route.set_status(route_status(stream));
    route.set_encoder("passthrough");
    route.set_input_bitrate(kbps(stream));
    route.set_input_resolution(clamp32(stream.height));
    route.set_bytes_processed(static_cast<std::int64_t>(stream.received_bytes));
    add_profile(stream, route);
  }
  return response;
}

marchproxy::MetricsResponse metrics_response(const ModuleState& state) {
  marchproxy::MetricsResponse response;
  response.set_cpu_percent(clamp32(std::lround(state.host.cpu * 100)));
  response.set_gpu_percent(clamp32(std::lround(state.host.gpu.value_or(0) * 100)));
  response.set_memory_mb(clamp32(state.host.memory_used_bytes / 1'000'000));
  for (const StreamReport& stream : state.report.streams) {
    if (!shown(stream)) continue;
    marchproxy::StreamMetrics& metrics = *response.add_streams();
    metrics.set_stream_key(stream.stream_id);
    metrics.set_fps(static_cast<float>(stream.frames_per_second));
    metrics.set_duration(static_cast<float>(stream.duration_seconds));
    metrics.set_dropped_frames(clamp32(stream.dropped_frames));
    metrics.set_encoder_speed(static_cast<float>(stream.pace));
  }
  return response;
}

marchproxy::HealthCheckResponse health_response(const ModuleState& state, std::int64_t taken_us) {
  marchproxy::HealthCheckResponse response;
  response.set_status(std::string(to_string(state.health)));
  response.set_message(state.errors.empty() ? "All systems operational" : state.errors.front());
  response.set_response_time_ms(clamp32(std::max<std::int64_t>(taken_us, 0) / 1000));
  for (const std::string& error : state.errors) response.add_errors(error);
  return response;
}

}  // namespace millrace::metrics
