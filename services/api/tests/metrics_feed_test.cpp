#include "metrics_feed.hpp"

#include <gtest/gtest.h>

namespace millrace::api {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

metrics::v1::MetricsUpdated event_of(std::initializer_list<std::pair<const char*, bool>> streams,
                                     double kbps = 1000) {
  metrics::v1::MetricsUpdated event;
  for (const auto& [id, live] : streams) {
    auto& stream = *event.add_streams();
    stream.set_stream_id(id);
    stream.set_live(live);
    stream.set_bitrate_kbps(kbps);
  }
  return event;
}

TEST(MetricsFeed, HasTheNewestNumbersOfEachLiveStream) {
  MetricsFeed feed;
  feed.update(event_of({{"a", true}, {"b", true}}), kSecond);
  feed.update(event_of({{"a", true}}, 2000), 2 * kSecond);
  ASSERT_NE(feed.find("a", 2 * kSecond), nullptr);
  EXPECT_EQ(feed.find("a", 2 * kSecond)->bitrate_kbps(), 2000);
  EXPECT_EQ(feed.find("b", 2 * kSecond)->bitrate_kbps(), 1000);
  EXPECT_EQ(feed.find("c", 2 * kSecond), nullptr);
  EXPECT_EQ(feed.live(2 * kSecond).size(), 2U);
}

TEST(MetricsFeed, ForgetsWhatEndedAndWhatIsNotUpdatedAnyMore) {
  MetricsFeed feed;
  feed.update(event_of({{"ended", true}, {"silent", true}}), 0);
  feed.update(event_of({{"ended", false}}), kSecond);
  EXPECT_EQ(feed.find("ended", kSecond), nullptr);
  EXPECT_NE(feed.find("silent", MetricsFeed::kStaleUs - 1), nullptr);
  EXPECT_EQ(feed.find("silent", MetricsFeed::kStaleUs), nullptr);
  EXPECT_TRUE(feed.live(MetricsFeed::kStaleUs).empty());
}

TEST(MetricsFeed, SaysWhetherItIsFed) {
  MetricsFeed feed;
  EXPECT_FALSE(feed.is_fresh(kSecond));
  feed.update(event_of({{"a", true}}), kSecond);
  EXPECT_TRUE(feed.is_fresh(kSecond));
  EXPECT_FALSE(feed.is_fresh(kSecond + MetricsFeed::kStaleUs));
}

TEST(MetricsFeed, TellsTheListenerWhatChanged) {
  MetricsFeed feed;
  std::vector<std::string> heard;
  feed.listen([&](const std::vector<MetricsFeed::Numbers>& streams) {
    for (const auto& stream : streams) heard.push_back(stream->stream_id() + (stream->live() ? "+" : "-"));
  });
  feed.update(event_of({{"a", true}, {"b", false}}), 0);
  EXPECT_EQ(heard, (std::vector<std::string>{"a+", "b-"}));
}

TEST(MetricsFeed, KeepsABoundedNumberOfStreams) {
  MetricsFeed feed;
  metrics::v1::MetricsUpdated event;
  for (std::size_t i = 0; i < MetricsFeed::kMostStreams + 10; ++i) {
    auto& stream = *event.add_streams();
    stream.set_stream_id("s" + std::to_string(i));
    stream.set_live(true);
  }
  feed.update(event, 0);
  EXPECT_EQ(feed.live(1).size(), MetricsFeed::kMostStreams);
  feed.update(event_of({{"later", true}}), 2 * MetricsFeed::kStaleUs);
  EXPECT_EQ(feed.live(2 * MetricsFeed::kStaleUs).size(), 1U);
}

}  // namespace
}  // namespace millrace::api
