#include "reporter.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bus/v1/bus.pb.h"
#include "runtime/health.hpp"

namespace millrace::recording {
namespace {

class ReporterTest : public testing::Test {
 protected:
  void fail(const std::string& source, const std::string& stream = "s1",
            std::string_view code = "recording.disk_full") {
    reporter_.failing(source, stream, {}, Error{ErrorCode::of_lasting(code), "why"});
  }
  // "s1 recording.disk_full", or "s1 well" for a retraction.
  std::vector<std::string> take_events() { return std::exchange(events_, {}); }

  // Over all labels.
  double count(const std::string& name) {
    double sum = 0;
    for (const prometheus::MetricFamily& family : reporter_.metrics().collectable()->Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) sum += metric.counter.value;
    }
    return sum;
  }

  bool no_memory_ = false;  // for the next event
  std::vector<std::string> events_;
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  Reporter reporter_{
      health_, [this](const bus::v1::Event& event) {
        if (std::exchange(no_memory_, false)) throw std::bad_alloc();
        const std::string stream = event.key().substr(event.key().find('/') + 1);
        events_.push_back(stream + " " +
                          (event.retracted() ? std::string("well") : event.recording_failed().code()));
      }};
};

using Events = std::vector<std::string>;

TEST_F(ReporterTest, PublishesAFailureOnceAndItsEndOnce) {
  fail("a");
  fail("a");
  EXPECT_EQ(take_events(), Events{"s1 recording.disk_full"});
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded);
  fail("a", "s1", "recording.io");
  EXPECT_EQ(take_events(), Events{"s1 recording.io"});
  reporter_.recovered("a");
  reporter_.recovered("a");
  EXPECT_EQ(take_events(), Events{"s1 well"});
  EXPECT_EQ(health_->overall(), runtime::HealthState::kReady);
}

TEST_F(ReporterTest, AStreamIsWellWhenAllOfItsSourcesAre) {
  fail("a");
  fail("b");
  (void)take_events();
  reporter_.recovered("a");
  EXPECT_EQ(take_events(), Events{});
  reporter_.recovered("b");
  EXPECT_EQ(take_events(), Events{"s1 well"});
}

TEST_F(ReporterTest, PublishesAgainAFailureThatCouldNotBePublished) {
  no_memory_ = true;
  EXPECT_THROW(fail("a"), std::bad_alloc);
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded) << "it fails, published or not";
  fail("a");
  fail("a");
  EXPECT_EQ(take_events(), Events{"s1 recording.disk_full"});
}

TEST_F(ReporterTest, CountsAFailureOnceHoweverOftenItsReportIsTried) {
  no_memory_ = true;
  EXPECT_THROW(fail("a"), std::bad_alloc);
  EXPECT_EQ(count("millrace_recording_failures_total"), 0);
  fail("a");
  EXPECT_EQ(count("millrace_recording_failures_total"), 1);
  fail("a");
  EXPECT_EQ(count("millrace_recording_failures_total"), 2) << "another attempt that failed";
}

TEST_F(ReporterTest, PublishesAgainARecoveryThatCouldNotBePublished) {
  fail("a");
  (void)take_events();
  no_memory_ = true;
  EXPECT_THROW(reporter_.recovered("a"), std::bad_alloc);
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded) << "others still take it for failing";
  reporter_.recovered("a");
  reporter_.recovered("a");
  EXPECT_EQ(take_events(), Events{"s1 well"});
  EXPECT_EQ(health_->overall(), runtime::HealthState::kReady);
}

}  // namespace
}  // namespace millrace::recording
