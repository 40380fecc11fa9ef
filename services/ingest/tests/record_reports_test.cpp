#include "publish/record_reports.hpp"

#include <gtest/gtest.h>

namespace millrace::ingest {
namespace {

TEST(RecordReports, AreDueOnceUntilTheyWereMade) {
  RecordReports reports;
  EXPECT_FALSE(reports.due());
  reports.note();
  reports.note();
  EXPECT_TRUE(reports.due());
  EXPECT_FALSE(reports.due());
  reports.note();
  EXPECT_FALSE(reports.due()) << "it is on the list already";
  (void)reports.report({1});
  reports.note();
  EXPECT_TRUE(reports.due());
}

TEST(RecordReports, WakeReadersAtOnceAndAnnounceTheFirstRecords) {
  RecordReports reports(10);
  RecordReports::Step step = reports.report({12, 0, 7});
  EXPECT_TRUE(step.wake_readers);
  EXPECT_TRUE(step.announce);
  EXPECT_EQ(step.first, 10U);
  EXPECT_EQ(reports.announced(), 12U);

  step = reports.report({13, 0, 7});
  EXPECT_TRUE(step.wake_readers);
  EXPECT_FALSE(step.announce);
  reports.note();
  EXPECT_TRUE(reports.due());
  EXPECT_FALSE(reports.report({13, 0, 7}).wake_readers) << "nothing new";
}

TEST(RecordReports, AnnounceTheEndOfAPartOrASegment) {
  RecordReports reports(0);
  (void)reports.report({1, 0, 7});
  EXPECT_FALSE(reports.report({2, 0, 7}).announce);
  RecordReports::Step step = reports.report({3, 1, 7});
  EXPECT_TRUE(step.announce);
  EXPECT_EQ(step.first, 1U) << "what was not announced before, too";
  EXPECT_FALSE(reports.report({4, 1, 7}).announce);
  step = reports.report({5, 1, 8});
  EXPECT_TRUE(step.announce);
  EXPECT_EQ(step.first, 3U);
  EXPECT_FALSE(reports.is_behind({5, 1, 8}));
  EXPECT_TRUE(reports.is_behind({6, 1, 8}));
  EXPECT_TRUE(reports.is_behind({5, 3, 8})) << "the log's end closes parts without a record";
}

TEST(RecordReports, SayNothingWithoutRecords) {
  RecordReports reports(10);
  const RecordReports::Step step = reports.report({10});
  EXPECT_FALSE(step.wake_readers || step.announce);
}

}  // namespace
}  // namespace millrace::ingest
