#include "http/ops.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include "http/test_client.hpp"
#include "runtime/health.hpp"

namespace millrace::http {
namespace {

using testing::body_of;
using ::testing::HasSubstr;
using testing::status_of;
using testing::TestClient;

std::string get(std::uint16_t port, const std::string& path, const std::string& method = "GET") {
  TestClient client(port);
  client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  return client.read_answer();
}

TEST(Ops, AnswersHealthReadinessAndMetrics) {
  runtime::Health health;
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("good_total")
      .Help("Good")
      .Register(*registry)
      .Add({{"stream", "a"}})
      .Increment(3);
  OpsSources sources{"auth", &health, {registry}};
  auto server = start_ops({}, sources);
  ASSERT_TRUE(server.has_value());
  const std::uint16_t port = (*server)->port();

  EXPECT_EQ(body_of(get(port, "/healthz")), "{\"service\":\"auth\"}");
  EXPECT_EQ(status_of(get(port, "/readyz")), 503);
  health.set("database", runtime::HealthState::kReady);
  EXPECT_EQ(status_of(get(port, "/readyz")), 200);
  health.set("bus", runtime::HealthState::kDegraded, "ingest is silent");
  const std::string degraded = get(port, "/readyz");
  EXPECT_EQ(status_of(degraded), 200);
  EXPECT_THAT(degraded, HasSubstr("ingest is silent"));
  health.set("database", runtime::HealthState::kStopping);
  EXPECT_EQ(status_of(get(port, "/readyz")), 503);
  EXPECT_THAT(get(port, "/metrics"), HasSubstr("good_total{stream=\"a\"} 3"));
  EXPECT_EQ(status_of(get(port, "/other")), 404);
  EXPECT_EQ(status_of(get(port, "/metrics", "POST")), 405);
}

TEST(Ops, ShowsAServersStatisticsEvenAfterItHasGone) {
  auto server = Server::start({}, [](Request&& /*request*/, const Responder& respond) { respond({}); });
  ASSERT_TRUE(server.has_value());
  runtime::Health health;
  auto ops = start_ops({}, {"packaging", &health, {server_metrics("hls", **server)}});
  ASSERT_TRUE(ops.has_value());
  EXPECT_EQ(status_of(get((*server)->port(), "/x")), 200);
  server->reset();
  const std::string metrics = get((*ops)->port(), "/metrics");
  EXPECT_THAT(metrics, HasSubstr("millrace_http_requests_total{server=\"hls\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("millrace_http_responses_total{server=\"hls\",class=\"2xx\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("# TYPE millrace_http_connections gauge"));
}

}  // namespace
}  // namespace millrace::http
