#include "http/ops.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <stdexcept>

#include "base/survive.hpp"
#include "http/test_client.hpp"
#include "runtime/health.hpp"

namespace millrace::http {
namespace {

using testing::body_of;
using ::testing::HasSubstr;
using testing::status_of;
using testing::TestClient;

std::string get(std::uint16_t port, const std::string& path, const std::string& method = "GET",
                const std::string& fields = {}) {
  TestClient client(port);
  client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
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
  EXPECT_THAT(get(port, "/metrics"), HasSubstr("\nprocess_cpu_seconds_total "));
  EXPECT_EQ(status_of(get(port, "/other")), 404);
  EXPECT_EQ(status_of(get(port, "/metrics", "POST")), 405);
}

TEST(Ops, AsksForTheTokenWhereThereIsOne) {
  runtime::Health health;
  health.set("database", runtime::HealthState::kDegraded, "a reason for nobody else");
  auto server = start_ops({.token = Secret("a-token-of-good-length")}, {"auth", &health, {}});
  ASSERT_TRUE(server.has_value());
  const std::uint16_t port = (*server)->port();
  for (const char* field : {"", "Authorization: Bearer a-token-of-good-lengtH\r\n",
                            "Authorization: Bearer a-token-of-good-length2\r\n", "Authorization: Bearer \r\n",
                            "Authorization: Basic a-token-of-good-length\r\n"}) {
    const std::string refused = get(port, "/metrics", "GET", field);
    EXPECT_EQ(status_of(refused), 401) << field;
    EXPECT_EQ(testing::field_of(refused, "WWW-Authenticate"), "Bearer") << field;
    const std::string ready = get(port, "/readyz", "GET", field);
    EXPECT_EQ(status_of(ready), 200) << field;
    EXPECT_EQ(body_of(ready), R"({"components":[],"state":"degraded"})") << field;
    EXPECT_EQ(status_of(get(port, "/healthz", "GET", field)), 200) << field;
  }
  for (const char* scheme : {"Bearer", "bearer"}) {
    const std::string field = std::string("Authorization: ") + scheme + " a-token-of-good-length\r\n";
    EXPECT_EQ(status_of(get(port, "/metrics", "GET", field)), 200);
    EXPECT_THAT(get(port, "/readyz", "GET", field), HasSubstr("a reason for nobody else"));
  }
}

TEST(Ops, DoesNotStartBeyondLoopbackWithoutAToken) {
  runtime::Health health;
  const auto server = start_ops({.address = "0.0.0.0"}, {"auth", &health, {}});
  ASSERT_FALSE(server.has_value());
  EXPECT_EQ(server.error().code, "config.metrics_token");
}

TEST(Ops, CountsTheExceptionsThatTheProcessSurvived) {
  runtime::Health health;
  auto server = start_ops({}, {"auth", &health, {}});
  ASSERT_TRUE(server.has_value());
  EXPECT_FALSE(survives("ops test", [] { throw std::runtime_error("x"); }));
  EXPECT_THAT(get((*server)->port(), "/metrics"),
              HasSubstr("millrace_exceptions_total{where=\"ops test\"} 1\n"));
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
