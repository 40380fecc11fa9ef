#include "module_answers.hpp"

#include <gtest/gtest.h>

#include "stream_health.hpp"

namespace millrace::metrics {
namespace {

StreamReport stream(const std::string& id) {
  StreamReport row;
  row.stream_id = id;
  row.app = "live";
  row.video_codec = "avc1.64001f";
  row.audio_codec = "mp4a.40.2";
  row.height = 720;
  row.bytes_per_second = 375'000;
  row.frames_per_second = 29.97;
  row.pace = 1;
  row.received_bytes = 1'000'000;
  row.dropped_frames = 2;
  row.duration_seconds = 61.5;
  row.segment_latency_seconds = 0.02;
  return row;
}

ModuleState state() {
  ModuleState made;
  made.report.streams = {stream("cam1"), stream("hidden"), stream("still")};
  made.report.streams[1].is_private = true;
  made.report.streams[2].health_reasons = 1U << static_cast<unsigned>(HealthReason::kStalled);
  made.report.streams[2].segment_latency_seconds = 0;
  made.report.received_bytes = 5'000'000'000;
  made.report.sent_bytes = 7;
  made.services = {{"auth", true}, {"ingest", true}};
  made.uptime_us = 9'930'000'000;
  made.host.cpu = 0.454;
  made.host.memory_total_bytes = 1'000'000'000;
  made.host.memory_used_bytes = 512'000'000;
  judge_module(made);
  return made;
}

TEST(ModuleAnswers, TellTheStatus) {
  const marchproxy::StatusResponse status = status_response(state());
  EXPECT_EQ(status.module_name(), "rtmp-proxy");
  EXPECT_FALSE(status.version().empty());
  EXPECT_EQ(status.status(), "healthy");
  EXPECT_EQ(status.active_streams(), 3) << "private ones count";
  EXPECT_EQ(status.total_bytes_in(), 5'000'000'000);
  EXPECT_EQ(status.total_bytes_out(), 7);
  EXPECT_EQ(status.uptime(), "2h45m30s");
}

TEST(ModuleAnswers, NameRoutesByPublicIdsAndNoPrivateOnes) {
  const marchproxy::RoutesResponse routes = routes_response(state(), "rtmp://host:1935");
  ASSERT_EQ(routes.routes_size(), 2);
  const marchproxy::StreamRoute& route = routes.routes(0);
  EXPECT_EQ(route.stream_key(), "cam1");
  EXPECT_EQ(route.source(), "rtmp://host:1935/live/cam1");
  EXPECT_EQ(route.status(), "active");
  EXPECT_EQ(route.encoder(), "passthrough");
  EXPECT_EQ(route.input_bitrate(), 3000);
  EXPECT_EQ(route.input_resolution(), 720);
  EXPECT_EQ(route.bytes_processed(), 1'000'000);
  ASSERT_EQ(route.profiles_size(), 1);
  EXPECT_EQ(route.profiles(0).name(), "source");
  EXPECT_EQ(route.profiles(0).codec(), "h264");
  EXPECT_EQ(route.profiles(0).resolution(), 720);
  EXPECT_EQ(route.profiles(0).status(), "encoding");
  EXPECT_EQ(routes.routes(1).status(), "idle");
  EXPECT_EQ(routes.routes(1).profiles_size(), 0) << "nothing was packaged yet";
}

TEST(ModuleAnswers, TellMetrics) {
  const marchproxy::MetricsResponse metrics = metrics_response(state());
  EXPECT_EQ(metrics.cpu_percent(), 45);
  EXPECT_EQ(metrics.gpu_percent(), 0);
  EXPECT_EQ(metrics.memory_mb(), 512);
  ASSERT_EQ(metrics.streams_size(), 2);
  EXPECT_FLOAT_EQ(metrics.streams(0).fps(), 29.97F);
  EXPECT_FLOAT_EQ(metrics.streams(0).duration(), 61.5F);
  EXPECT_EQ(metrics.streams(0).dropped_frames(), 2);
  EXPECT_FLOAT_EQ(metrics.streams(0).encoder_speed(), 1);
}

TEST(ModuleAnswers, SayWhatIsWrong) {
  struct Row {
    const char* what;
    void (*change)(ModuleState&);
    const char* status;
    std::vector<std::string> errors;
  };
  const Row rows[] = {
      {"well", [](ModuleState&) {}, "healthy", {}},
      {"auth", [](ModuleState& s) { s.services["auth"] = false; }, "degraded", {"auth does not answer"}},
      {"ingest",
       [](ModuleState& s) { s.services["ingest"] = false; },
       "unhealthy",
       {"ingest does not answer"}},
      {"CPU", [](ModuleState& s) { s.host.lasting_cpu = 0.97; }, "degraded", {"CPU usage at 97%"}},
      {"memory",
       [](ModuleState& s) { s.host.memory_used_bytes = 960'000'000; },
       "degraded",
       {"Memory usage at 96%"}},
      {"disk", [](ModuleState& s) { s.report.failing_recordings = 2; }, "degraded", {"2 recordings fail"}},
  };
  for (const Row& row : rows) {
    ModuleState changed = state();
    row.change(changed);
    judge_module(changed);
    const marchproxy::HealthCheckResponse health = health_response(changed, 1500);
    EXPECT_EQ(health.status(), row.status) << row.what;
    EXPECT_EQ(std::vector<std::string>(health.errors().begin(), health.errors().end()), row.errors)
        << row.what;
    EXPECT_EQ(health.message(), row.errors.empty() ? "All systems operational" : row.errors[0]);
    EXPECT_EQ(health.response_time_ms(), 1);
  }
}

TEST(ModuleState, IsReadyOnceIngestWasHeardOrAfterAWhile) {
  ModuleState made = state();
  made.uptime_us = 0;
  judge_module(made);
  EXPECT_TRUE(made.ready);
  made.services["ingest"] = false;
  judge_module(made);
  EXPECT_FALSE(made.ready);
  made.uptime_us = 5'000'000;
  judge_module(made);
  EXPECT_TRUE(made.ready);
  EXPECT_EQ(uptime_text(made.uptime_us), "5s");
  EXPECT_EQ(uptime_text(3'600'000'000), "1h0m0s");
  EXPECT_EQ(uptime_text(61'000'000), "1m1s");
}

}  // namespace
}  // namespace millrace::metrics
