#include "exposition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <functional>

#include "base/clock.hpp"

namespace millrace::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExpositionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bus::v1::Event all;
    all.mutable_watching_facts()->set_complete(true);
    observatory_->event(all);
  }
  bus::v1::Event published(const std::string& id) {
    bus::v1::Event event;
    event.set_key("stream/" + id);
    stream::v1::StreamPublished& stream = *event.mutable_stream_published();
    stream.set_stream_id(id);
    stream.set_publication_id(1);
    stream::v1::Track& track = *stream.add_tracks();
    track.set_codec("avc1.64001f");
    track.set_width(640);
    track.set_height(360);
    return event;
  }
  static bus::v1::Snapshot of(const std::string& service) {
    bus::v1::Snapshot snapshot;
    snapshot.set_service(service);
    snapshot.set_boot_id(1);
    return snapshot;
  }
  bus::v1::Event statistics(const std::string& id, int second) {
    bus::v1::Event event;
    stream::v1::StreamStatistics& stream = *event.mutable_stream_statistics();
    stream.set_stream_id(id);
    stream.set_publication_id(1);
    stream.set_received_bytes(static_cast<std::uint64_t>(second) * 1000);
    stream.set_video_frames(static_cast<std::uint64_t>(second) * 25);
    stream.set_measured_monotonic_us(std::int64_t{1'000'000} * second);
    now_us_ = kOurs + stream.measured_monotonic_us();
    return event;
  }
  std::string text() const {
    return prometheus::TextSerializer().Serialize(Exposition(observatory_).Collect());
  }

  // Our clock is not that of the others, as on another host.
  static constexpr std::int64_t kOurs = 5'000'000'000;
  std::int64_t now_us_ = kOurs;
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  std::shared_ptr<Observatory> observatory_ =
      std::make_shared<Observatory>(health_, [this] { return now_us_; });
};

TEST_F(ExpositionTest, CountsPrivateStreamsAndDoesNotNameThem) {
  bus::v1::Event hidden = published("hidden1");
  hidden.mutable_stream_published()->set_is_private(true);
  observatory_->event(hidden);
  observatory_->event(published("later1"));
  observatory_->event(published("open1"));
  for (int second = 0; second <= 10; ++second) {
    for (const char* id : {"hidden1", "later1", "open1"}) observatory_->event(statistics(id, second));
  }
  const std::string before = text();
  EXPECT_THAT(before, Not(HasSubstr("hidden1")));
  EXPECT_THAT(before, HasSubstr("stream=\"later1\""));
  EXPECT_THAT(before, HasSubstr("millrace_live_streams 3\n"));
  EXPECT_THAT(before, HasSubstr("millrace_private_streams 1\n"));
  EXPECT_THAT(before, HasSubstr("millrace_private_streams_lowest_health_score 100\n"));

  // While it is live; reported again in a snapshot.
  bus::v1::Event changed;
  changed.mutable_visibility_changed()->set_stream_id("later1");
  changed.mutable_visibility_changed()->set_is_private(true);
  bus::v1::Snapshot snapshot = of("auth");
  *snapshot.add_events() = changed;
  observatory_->snapshot(snapshot);
  const std::string after = text();
  EXPECT_THAT(after, Not(HasSubstr("later1")));
  EXPECT_THAT(after, HasSubstr("stream=\"open1\""));
  EXPECT_THAT(after, HasSubstr("millrace_private_streams 2\n"));
}

TEST_F(ExpositionTest, HasTheSeriesOfAStreamUntilItEnds) {
  observatory_->event(published("cam1"));
  for (int second = 0; second <= 10; ++second) observatory_->event(statistics("cam1", second));
  const std::string live = text();
  EXPECT_THAT(live, HasSubstr("millrace_stream_received_bytes_total{stream=\"cam1\"} 10000\n"));
  EXPECT_THAT(live, HasSubstr("millrace_stream_received_bytes_per_second{stream=\"cam1\"} 1000\n"));
  EXPECT_THAT(live, HasSubstr("millrace_stream_video_frames_per_second{stream=\"cam1\"} 25\n"));
  EXPECT_THAT(live, HasSubstr("millrace_stream_video_width_pixels{stream=\"cam1\"} 640\n"));
  EXPECT_THAT(live, HasSubstr("millrace_stream_viewers{stream=\"cam1\",protocol=\"hls\"} 0\n"));
  EXPECT_THAT(live, HasSubstr("millrace_live_streams 1\n"));
  bus::v1::Event ended;
  ended.set_key("stream/cam1");
  ended.set_retracted(true);
  ended.mutable_stream_ended()->set_stream_id("cam1");
  ended.mutable_stream_ended()->set_publication_id(1);
  observatory_->event(ended);
  EXPECT_THAT(text(), Not(HasSubstr("cam1")));
  EXPECT_THAT(text(), HasSubstr("millrace_live_streams 0\n"));
}

TEST_F(ExpositionTest, SaysWhichServicesAreUp) {
  observatory_->expect("auth");
  observatory_->snapshot(of("ingest"));
  EXPECT_THAT(text(), HasSubstr("millrace_service_up{service=\"auth\"} 0\n"));
  EXPECT_THAT(text(), HasSubstr("millrace_service_up{service=\"ingest\"} 1\n"));
  EXPECT_EQ(health_->overall(), runtime::HealthState::kReady);
  observatory_->lost("ingest", "");
  EXPECT_THAT(text(), HasSubstr("millrace_service_up{service=\"ingest\"} 0\n"));
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded);
  EXPECT_TRUE(health_->report().ready());
}

TEST_F(ExpositionTest, SaysThatAServiceIsUpWhileAnInstanceIs) {
  bus::v1::Snapshot second = of("ingest");
  second.set_instance("1");
  observatory_->snapshot(second);
  bus::v1::Snapshot first = of("ingest");
  first.set_instance("0");
  observatory_->snapshot(first);
  observatory_->lost("ingest", "1");
  EXPECT_THAT(text(), HasSubstr("millrace_service_up{service=\"ingest\"} 1\n"));
  EXPECT_EQ(health_->overall(), runtime::HealthState::kDegraded) << "one of two is silent";
  second.set_boot_id(0);
  observatory_->snapshot(second);
  EXPECT_EQ(health_->overall(), runtime::HealthState::kReady) << "it is gone for good";
}

TEST_F(ExpositionTest, FollowsTheFactsOfASnapshot) {
  observatory_->event(published("gone"));
  bus::v1::Snapshot ingest = of("ingest");
  *ingest.add_events() = published("cam2");
  observatory_->snapshot(ingest);
  bus::v1::Snapshot recording = of("recording");
  recording.add_events()->mutable_recording_started()->set_file_name("cam2.mp4");
  recording.add_events()->mutable_recording_failed()->set_stream_id("cam3");
  observatory_->snapshot(recording);
  EXPECT_THAT(text(), Not(HasSubstr("gone")));
  EXPECT_THAT(text(), HasSubstr("stream=\"cam2\""));
  EXPECT_THAT(text(), HasSubstr("millrace_recordings 1\n"));
  EXPECT_THAT(text(), HasSubstr("millrace_failing_recordings 1\n"));
  bus::v1::Event works;
  works.set_key("recording-failure/cam3");
  works.set_retracted(true);
  works.mutable_recording_failed()->set_stream_id("cam3");
  observatory_->event(works);
  EXPECT_THAT(text(), HasSubstr("millrace_failing_recordings 0\n"));
}

TEST_F(ExpositionTest, IsCleanInPromtool) {
  if (!std::filesystem::exists("/usr/bin/promtool"))
    GTEST_SKIP() << "promtool is not installed (package prometheus)";
  observatory_->event(published("cam1"));
  for (int second = 0; second <= 10; ++second) observatory_->event(statistics("cam1", second));
  observatory_->snapshot([&] {
    bus::v1::Snapshot snapshot = of("ingest");
    *snapshot.add_events() = published("cam1");
    return snapshot;
  }());
  FILE* promtool = ::popen("/usr/bin/promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string metrics = text();
  EXPECT_EQ(std::fwrite(metrics.data(), 1, metrics.size(), promtool), metrics.size());
  EXPECT_EQ(WEXITSTATUS(::pclose(promtool)), 0) << metrics;
}

TEST_F(ExpositionTest, TellsTenThousandStreamsInTime) {
  for (const int streams : {200, 10'000}) {
    for (int i = 0; i < streams; ++i) {
      const std::string id = "s" + std::to_string(i);
      observatory_->event(published(id));
      for (int second = 0; second <= 5; ++second) observatory_->event(statistics(id, second));
    }
    const auto measure = [](const char* what, const std::function<void()>& work) {
      const std::int64_t began_us = monotonic_us();
      work();
      const double ms = static_cast<double>(monotonic_us() - began_us) / 1000;
      std::printf("  %s: %.2f ms\n", what, ms);
      EXPECT_LT(ms, 5000) << what;  // a bound for any machine; docs/performance.md has figures
    };
    std::printf("%d live streams\n", streams);
    measure("a second's beat", [&] { EXPECT_GE(observatory_->tick({}).size(), 1u); });
    measure("GetMetrics of all",
            [&] { EXPECT_EQ(Aggregation::reply(observatory_->report(), "").streams_size(), streams); });
    measure("exposition", [&] { EXPECT_GT(text().size(), 1000u); });
  }
}

}  // namespace
}  // namespace millrace::metrics
