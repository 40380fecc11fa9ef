#include "metrics.hpp"

#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <sstream>

namespace millrace::ingest {
namespace {

TEST(IngestMetrics, SayHowMuchIsHeldForPublishersThatWait) {
  ServerCounters counters;
  counters.held_bytes = 123456;
  const std::string page = prometheus::TextSerializer().Serialize(families_of(counters));
  EXPECT_NE(page.find("# TYPE millrace_ingest_held_bytes gauge\nmillrace_ingest_held_bytes 123456\n"),
            std::string::npos)
      << page;
}

// A counter that nobody can read is of no use: each has a value of its own here, and all are on the page.
TEST(IngestMetrics, HaveEveryCounter) {
  ServerCounters counters;
  auto* const all = reinterpret_cast<std::atomic<std::uint64_t>*>(&counters);
  constexpr std::size_t kCount = sizeof counters / sizeof *all;
  for (std::size_t i = 0; i < kCount; ++i) all[i] = 1000 + i;
  const std::string page = prometheus::TextSerializer().Serialize(families_of(counters));
  for (std::size_t i = 0; i < kCount; ++i) {
    if (&all[i] == &counters.over_limit) continue;  // in a sum
    EXPECT_NE(page.find(" " + std::to_string(1000 + i) + "\n"), std::string::npos) << "counter " << i;
  }
}

TEST(IngestMetrics, AreDescribedWhereTheyBoundMemory) {
  std::ifstream file(MILLRACE_METRICS_PAGE);
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_NE(page.str().find("| `millrace_ingest_held_bytes` |"), std::string::npos);
}

}  // namespace
}  // namespace millrace::ingest
