#include "publish/record_reports.hpp"

#include <gtest/gtest.h>

namespace millrace::ingest {
namespace {

constexpr std::int64_t kInterval = 20;

TEST(RecordReports, AreDueOnceUntilTheyWereMade) {
  RecordReports reports;
  EXPECT_FALSE(reports.due());
  reports.note();
  reports.note();
  EXPECT_TRUE(reports.due());
  EXPECT_FALSE(reports.due());
  reports.note();
  EXPECT_FALSE(reports.due()) << "it is on the list already";
  (void)reports.report({1}, 100, kInterval);
  reports.note();
  EXPECT_TRUE(reports.due());
}

TEST(RecordReports, WakeReadersAtOnceAndAnnounceOncePerInterval) {
  RecordReports reports(10);
  RecordReports::Step step = reports.report({12}, 100, kInterval);
  EXPECT_TRUE(step.wake_readers);
  EXPECT_TRUE(step.announce);
  EXPECT_EQ(step.first, 10U);
  EXPECT_EQ(reports.announced(), 12U);

  step = reports.report({13}, 110, kInterval);
  EXPECT_TRUE(step.wake_readers);
  EXPECT_TRUE(step.early);
  EXPECT_FALSE(step.announce);
  reports.note();
  EXPECT_FALSE(reports.due()) << "it is reported again by itself";

  step = reports.report({13}, 120, kInterval);
  EXPECT_FALSE(step.wake_readers) << "nothing new";
  EXPECT_TRUE(step.announce);
  EXPECT_EQ(step.first, 12U);
}

TEST(RecordReports, AnnounceTheEndOfAPartOrASegmentAtOnce) {
  RecordReports reports(0);
  (void)reports.report({1, 0, 7}, 100, kInterval);
  EXPECT_TRUE(reports.report({2, 0, 7}, 101, kInterval).early);
  RecordReports::Step step = reports.report({3, 1, 7}, 102, kInterval);
  EXPECT_TRUE(step.announce);
  EXPECT_FALSE(step.early);
  EXPECT_EQ(step.first, 1U);
  step = reports.report({4, 1, 7}, 110, kInterval);
  EXPECT_TRUE(step.early) << "counted from the last announcement";
  step = reports.report({5, 1, 8}, 111, kInterval);
  EXPECT_TRUE(step.announce);
  EXPECT_TRUE(reports.report({6, 1, 8}, 120, kInterval).early);
  EXPECT_TRUE(reports.report({6, 1, 8}, 131, kInterval).announce);
  EXPECT_FALSE(reports.is_behind({6, 1, 8}));
  EXPECT_TRUE(reports.is_behind({7, 1, 8}));
  EXPECT_TRUE(reports.is_behind({6, 3, 8})) << "the log's end closes parts without a record";
}

TEST(RecordReports, SayNothingWithoutRecords) {
  RecordReports reports(10);
  const RecordReports::Step step = reports.report({10}, 100, kInterval);
  EXPECT_FALSE(step.wake_readers || step.announce || step.early);
}

}  // namespace
}  // namespace millrace::ingest
