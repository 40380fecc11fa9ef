#include "exposition.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace millrace::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double kBestHealth = 100;

MetricFamily family(MetricType type, std::string name, std::string help) {
  return {std::move(name), std::move(help), type, {}};
}

void add(MetricFamily& to, Labels labels, double value) {
  ClientMetric& metric = to.metric.emplace_back();
  metric.label = std::move(labels);
  (to.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

MetricFamily single(MetricType type, std::string name, std::string help, double value) {
  MetricFamily made = family(type, std::move(name), std::move(help));
  add(made, {}, value);
  return made;
}

// One family with a value for each public stream: private ones are counted, not named.
struct Column {
  MetricType type;
  const char* name;
  const char* help;
  double (*value)(const StreamReport&);
};

const Column columns[] = {
    {MetricType::Counter, "millrace_stream_received_bytes_total", "Bytes on the wire from the publisher.",
     [](const StreamReport& s) { return static_cast<double>(s.received_bytes); }},
    {MetricType::Gauge, "millrace_stream_received_bytes_per_second",
     "Bytes on the wire from the publisher a second, over the last 5 seconds.",
     [](const StreamReport& s) { return s.bytes_per_second; }},
    {MetricType::Gauge, "millrace_stream_bandwidth_bytes_per_second",
     "What the publisher's network should have room for: bytes a second times 1.2.",
     [](const StreamReport& s) { return s.bytes_per_second * kBandwidthFactor; }},
    {MetricType::Gauge, "millrace_stream_video_nominal_frames_per_second",
     "Video frames a second by the publisher's time stamps.",
     [](const StreamReport& s) { return s.nominal_frames_per_second; }},
    {MetricType::Gauge, "millrace_stream_pace_ratio", "Media time per wall time, over the last 5 seconds.",
     [](const StreamReport& s) { return s.pace; }},
    {MetricType::Counter, "millrace_stream_dropped_frames_total", "Video frames that the publisher left out.",
     [](const StreamReport& s) { return static_cast<double>(s.dropped_frames); }},
    {MetricType::Gauge, "millrace_stream_interleaving_seconds",
     "How far sound is sent ahead of the picture, averaged.",
     [](const StreamReport& s) { return s.interleaving_seconds; }},
    {MetricType::Gauge, "millrace_stream_segment_latency_seconds",
     "From the arrival of the newest segment's last frame until it was listed.",
     [](const StreamReport& s) { return s.segment_latency_seconds; }},
    {MetricType::Counter, "millrace_stream_viewers_began_total", "Viewers of this publication so far.",
     [](const StreamReport& s) { return static_cast<double>(s.total_viewers); }},
    {MetricType::Gauge, "millrace_stream_health_score", "Health, 0 to 100.",
     [](const StreamReport& s) { return s.health_score; }},
    {MetricType::Counter, "millrace_stream_video_frames_total", "Video frames received.",
     [](const StreamReport& s) { return static_cast<double>(s.video_frames); }},
    {MetricType::Gauge, "millrace_stream_video_frames_per_second",
     "Video frames a second, over the last 5 seconds.",
     [](const StreamReport& s) { return s.frames_per_second; }},
    {MetricType::Counter, "millrace_stream_audio_frames_total", "Audio frames received.",
     [](const StreamReport& s) { return static_cast<double>(s.audio_frames); }},
    {MetricType::Counter, "millrace_stream_key_frames_total", "Key frames received.",
     [](const StreamReport& s) { return static_cast<double>(s.key_frames); }},
    {MetricType::Gauge, "millrace_stream_key_frame_interval_seconds", "Time between the last two key frames.",
     [](const StreamReport& s) { return s.key_interval_seconds; }},
    {MetricType::Gauge, "millrace_stream_video_width_pixels", "Width of the video.",
     [](const StreamReport& s) { return static_cast<double>(s.width); }},
    {MetricType::Gauge, "millrace_stream_video_height_pixels", "Height of the video.",
     [](const StreamReport& s) { return static_cast<double>(s.height); }},
    {MetricType::Gauge, "millrace_stream_peak_viewers", "Most viewers at a time in this publication.",
     [](const StreamReport& s) { return static_cast<double>(s.peak_viewers); }},
    {MetricType::Counter, "millrace_stream_timestamp_jumps_total", "Jumps of the publisher's timestamps.",
     [](const StreamReport& s) { return static_cast<double>(s.timestamp_jumps); }},
    {MetricType::Counter, "millrace_stream_skipped_frames_total",
     "Frames that slow RTMP players did not get.",
     [](const StreamReport& s) { return static_cast<double>(s.skipped_frames); }},
    {MetricType::Gauge, "millrace_stream_log_bytes", "Bytes of the media log's arena that the stream holds.",
     [](const StreamReport& s) { return static_cast<double>(s.log_bytes); }},
    {MetricType::Gauge, "millrace_stream_started_timestamp_seconds", "When the publication began, Unix time.",
     [](const StreamReport& s) { return static_cast<double>(s.started_wall.us()) / 1e6; }},
};

void add_streams(const Report& report, std::vector<MetricFamily>& families) {
  for (const Column& column : columns) {
    MetricFamily& made = families.emplace_back(family(column.type, column.name, column.help));
    for (const StreamReport& stream : report.streams) {
      if (!stream.is_private) add(made, {{"stream", stream.stream_id}}, column.value(stream));
    }
  }
  MetricFamily viewers = family(MetricType::Gauge, "millrace_stream_viewers", "Viewers now.");
  MetricFamily sent =
      family(MetricType::Counter, "millrace_stream_sent_bytes_total", "Bytes sent to viewers.");
  MetricFamily codecs =
      family(MetricType::Gauge, "millrace_stream_info", "Always 1; codecs as labels (RFC 6381).");
  MetricFamily reasons = family(MetricType::Gauge, "millrace_stream_health_reason",
                                "1 for each reason why the health is not 100 now.");
  for (const StreamReport& stream : report.streams) {
    if (stream.is_private) continue;
    for (const std::string_view reason : health_reasons(stream.health_reasons))
      add(reasons, {{"stream", stream.stream_id}, {"reason", std::string(reason)}}, 1);
    add(viewers, {{"stream", stream.stream_id}, {"protocol", "rtmp"}}, stream.rtmp_viewers);
    add(viewers, {{"stream", stream.stream_id}, {"protocol", "hls"}}, stream.hls_viewers);
    add(sent, {{"stream", stream.stream_id}, {"protocol", "rtmp"}},
        static_cast<double>(stream.rtmp_sent_bytes));
    add(sent, {{"stream", stream.stream_id}, {"protocol", "hls"}},
        static_cast<double>(stream.hls_sent_bytes));
    add(codecs, {{"stream", stream.stream_id}, {"video", stream.video_codec}, {"audio", stream.audio_codec}},
        1);
  }
  families.push_back(std::move(viewers));
  families.push_back(std::move(sent));
  families.push_back(std::move(codecs));
  families.push_back(std::move(reasons));
}

void add_sums(const Report& report, std::vector<MetricFamily>& families) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(MetricType::Counter, name, help, static_cast<double>(value)));
  };
  counter("millrace_publications_total", "Publications that were live.", report.publications);
  counter("millrace_received_bytes_total", "Bytes on the wire from all publishers.", report.received_bytes);
  counter("millrace_sent_bytes_total", "Bytes sent to all viewers.", report.sent_bytes);
  counter("millrace_dropped_frames_total", "Video frames that publishers left out.", report.dropped_frames);
  counter("millrace_timestamp_jumps_total", "Jumps of publishers' timestamps.", report.timestamp_jumps);
  counter("millrace_viewers_began_total", "Viewers that began to watch.", report.total_viewers);
}

void add_host(const HostUsage& host, std::vector<MetricFamily>& families) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(single(MetricType::Gauge, name, help, value));
  };
  gauge("millrace_host_cpu_ratio", "Share of all cores in use in the last second.", host.cpu);
  gauge("millrace_host_memory_used_bytes", "Memory in use: total less available.",
        static_cast<double>(host.memory_used_bytes));
  gauge("millrace_host_memory_total_bytes", "Memory of the machine.",
        static_cast<double>(host.memory_total_bytes));
  if (host.gpu) gauge("millrace_host_gpu_ratio", "Share of the GPU in use.", *host.gpu);
}

// What an alert needs of them, of all together.
void add_private(const Report& report, std::vector<MetricFamily>& families) {
  double streams = 0;
  double lowest = kBestHealth;
  for (const StreamReport& stream : report.streams) {
    if (!stream.is_private) continue;
    ++streams;
    lowest = std::min(lowest, stream.health_score);
  }
  families.push_back(single(MetricType::Gauge, "millrace_private_streams",
                            "Live streams that are private: they have no series of their own.", streams));
  families.push_back(single(MetricType::Gauge, "millrace_private_streams_lowest_health_score",
                            "Health of the worst private stream, 0 to 100; 100 without one.", lowest));
}

void add_totals(const Report& report, std::vector<MetricFamily>& families) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(single(MetricType::Gauge, name, help, value));
  };
  gauge("millrace_live_streams", "Live streams.", static_cast<double>(report.streams.size()));
  add_private(report, families);
  gauge("millrace_received_bytes_per_second",
        "Bytes on the wire from all publishers a second, over the last 5 seconds.", report.bytes_per_second);
  MetricFamily viewers = family(MetricType::Gauge, "millrace_viewers", "Viewers of all streams now.");
  add(viewers, {{"protocol", "rtmp"}}, static_cast<double>(report.rtmp_viewers));
  add(viewers, {{"protocol", "hls"}}, static_cast<double>(report.hls_viewers));
  families.push_back(std::move(viewers));
  gauge("millrace_peak_viewers", "Most viewers of all streams seen at a time.",
        static_cast<double>(report.peak_viewers));
  gauge("millrace_recordings", "Files being recorded.", static_cast<double>(report.recordings));
  gauge("millrace_failing_recordings", "Streams whose recording does not work.",
        static_cast<double>(report.failing_recordings));
  families.push_back(single(MetricType::Counter, "millrace_finished_recordings_total", "Recordings finished.",
                            static_cast<double>(report.finished_recordings)));
  families.push_back(single(MetricType::Counter, "millrace_finished_recording_bytes_total",
                            "Size of finished recordings.",
                            static_cast<double>(report.finished_recording_bytes)));
}

}  // namespace

Exposition::Exposition(std::shared_ptr<const Observatory> observatory)
    : observatory_(std::move(observatory)) {}

std::vector<MetricFamily> Exposition::Collect() const {
  std::vector<MetricFamily> families;
  const Report report = observatory_->report();
  add_streams(report, families);
  add_totals(report, families);
  add_sums(report, families);
  add_host(observatory_->state()->host, families);
  MetricFamily up =
      family(MetricType::Gauge, "millrace_service_up", "1 when the service is heard on the bus.");
  for (const auto& [service, is_up] : observatory_->services())
    add(up, {{"service", service}}, is_up ? 1 : 0);
  families.push_back(std::move(up));
  // A name without a series is noise in the text format.
  std::erase_if(families, [](const MetricFamily& made) { return made.metric.empty(); });
  return families;
}

}  // namespace millrace::metrics
