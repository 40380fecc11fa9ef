#include "bus/metrics.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <future>
#include <sstream>

#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using testing::BusDirectory;
using testing::kPatience;

TEST(BusMetrics, CountRequestsThatTheirSenderMayNotMake) {
  const BusDirectory directory;
  const auto auth = Node::start(directory.config("auth"));
  const auto recording = Node::start(directory.config("recording"));
  ASSERT_TRUE(auth && recording);
  v1::Request request;
  request.mutable_make_admin()->set_email("a@example.com");
  std::promise<std::string> answer;
  (*recording)->request("auth", std::move(request), kPatience, [&](const Result<v1::Reply>& reply) {
    answer.set_value(reply ? "done" : std::string(reply.error().code));
  });
  ASSERT_EQ(answer.get_future().get(), "bus.forbidden");
  const std::string page = prometheus::TextSerializer().Serialize(node_metrics(**auth)->Collect());
  EXPECT_NE(page.find("\nmillrace_bus_forbidden_requests_total 1\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\nmillrace_bus_unknown_keys_total 0\n"), std::string::npos) << page;
}

TEST(BusMetrics, AreInTheDocumentedTable) {
  std::ifstream file(MILLRACE_METRICS_PAGE);
  std::ostringstream page;
  page << file.rdbuf();
  const BusDirectory directory;
  const auto node = Node::start(directory.config("auth"));
  ASSERT_TRUE(node);
  for (const prometheus::MetricFamily& family : node_metrics(**node)->Collect()) {
    // Rows that list several leave the common prefix out.
    const std::string rest = family.name.substr(std::string("millrace_bus").size());
    EXPECT_TRUE(page.str().find("`" + family.name + "`") != std::string::npos ||
                page.str().find("`…" + rest + "`") != std::string::npos)
        << family.name;
  }
}

}  // namespace
}  // namespace millrace::bus
