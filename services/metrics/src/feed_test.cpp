#include "feed.hpp"

#include <gtest/gtest.h>

namespace millrace::metrics {
namespace {

StreamReport row(const std::string& id) {
  StreamReport report;
  report.stream_id = id;
  report.bytes_per_second = 1000;
  report.frames_per_second = 25;
  report.rtmp_viewers = 2;
  report.received_bytes = 5000;
  return report;
}

TEST(Feed, TellsLiveStreamsInBatchesAndEndedOnesOnceMore) {
  Report report;
  for (int i = 0; i < 1200; ++i) report.streams.push_back(row("s" + std::to_string(i)));
  const auto events = feed_events(report, {row("gone")});
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].streams_size(), kStreamsPerEvent);
  EXPECT_EQ(events[1].streams_size(), kStreamsPerEvent);
  EXPECT_EQ(events[2].streams_size(), 201);
  const v1::StreamMetrics& gone = events[0].streams(0);
  EXPECT_EQ(gone.stream_id(), "gone");
  EXPECT_FALSE(gone.live());
  EXPECT_EQ(gone.fps(), 0);
  EXPECT_EQ(gone.viewers(), 0u);
  EXPECT_EQ(gone.received_bytes(), 5000u) << "what was, stays";
  const v1::StreamMetrics& live = events[0].streams(1);
  EXPECT_TRUE(live.live());
  EXPECT_DOUBLE_EQ(live.bitrate_kbps(), 8);
  EXPECT_EQ(live.viewers(), 2u);
}

TEST(Feed, IsSilentWhenThereIsNothing) {
  EXPECT_TRUE(feed_events({}, {}).empty());
}

}  // namespace
}  // namespace millrace::metrics
