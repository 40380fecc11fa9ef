#include "aggregation.hpp"

#include <gtest/gtest.h>

namespace millrace::metrics {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1000 * kSecond;

stream::v1::StreamPublished published(const std::string& id, std::uint64_t publication,
                                      std::uint32_t width = 1280) {
  stream::v1::StreamPublished event;
  event.set_stream_id(id);
  event.set_publication_id(publication);
  stream::v1::Track& video = *event.add_tracks();
  video.set_codec("avc1.64001f");
  video.set_width(width);
  video.set_height(720);
  stream::v1::Track& audio = *event.add_tracks();
  audio.set_codec("mp4a.40.2");
  audio.set_sample_rate(48000);
  return event;
}

// After `seconds` of 30 frames and 375,000 bytes each.
stream::v1::StreamStatistics statistics(const std::string& id, std::uint64_t publication, int seconds,
                                        std::uint32_t players = 0) {
  stream::v1::StreamStatistics event;
  event.set_stream_id(id);
  event.set_publication_id(publication);
  event.set_received_bytes(static_cast<std::uint64_t>(seconds) * 375'000);
  event.set_video_frames(static_cast<std::uint64_t>(seconds) * 30);
  event.set_last_key_interval_us(2'000'000);
  event.set_players(players);
  event.set_timestamp_jumps(3);
  event.set_measured_monotonic_us(kStart + seconds * kSecond);
  return event;
}

stream::v1::ViewerStatistics viewers(const std::string& id, std::uint32_t count, std::int64_t now_us) {
  stream::v1::ViewerStatistics event;
  event.set_stream_id(id);
  event.set_viewers(count);
  event.set_sent_bytes(5000);
  event.set_measured_monotonic_us(now_us);
  return event;
}

stream::v1::StreamEnded ended(const std::string& id, std::uint64_t publication) {
  stream::v1::StreamEnded event;
  event.set_stream_id(id);
  event.set_publication_id(publication);
  return event;
}

TEST(Aggregation, MeasuresAStream) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  for (int second = 0; second <= 10; ++second)
    aggregation.stream_statistics(statistics("cam1", 7, second, 4), WallTime::from_us(99));
  const Report report = aggregation.report(kStart + 10 * kSecond);
  ASSERT_EQ(report.streams.size(), 1u);
  const StreamReport& stream = report.streams[0];
  EXPECT_EQ(stream.stream_id, "cam1");
  EXPECT_DOUBLE_EQ(stream.bytes_per_second, 375'000);
  EXPECT_DOUBLE_EQ(stream.frames_per_second, 30);
  EXPECT_DOUBLE_EQ(stream.key_interval_seconds, 2);
  EXPECT_EQ(stream.width, 1280u);
  EXPECT_EQ(stream.height, 720u);
  EXPECT_EQ(stream.video_codec, "avc1.64001f");
  EXPECT_EQ(stream.audio_codec, "mp4a.40.2");
  EXPECT_EQ(stream.rtmp_viewers, 4u);
  EXPECT_EQ(stream.timestamp_jumps, 3u);
  EXPECT_EQ(stream.received_bytes, 3'750'000u);
  EXPECT_EQ(stream.updated_wall, WallTime::from_us(99));
}

TEST(Aggregation, AddsTheViewersOfBothKindsAndKeepsThePeak) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  aggregation.stream_statistics(statistics("cam1", 7, 1, 4), {});
  aggregation.viewer_statistics("0", viewers("cam1", 10, kStart + kSecond));
  aggregation.viewer_statistics("0", viewers("cam1", 2, kStart + 2 * kSecond));
  Report report = aggregation.report(kStart + 2 * kSecond);
  EXPECT_EQ(report.streams[0].viewers(), 6u);
  EXPECT_EQ(report.streams[0].peak_viewers, 14u);
  EXPECT_EQ(report.hls_viewers, 2u);
  EXPECT_EQ(report.rtmp_viewers, 4u);
  report = aggregation.report(kStart + 2 * kSecond + kViewersExpireUs);
  EXPECT_EQ(report.streams[0].hls_viewers, 0u) << "packaging went away";
  EXPECT_EQ(report.streams[0].hls_sent_bytes, 5000u) << "a counter does not fall";
  EXPECT_EQ(report.streams[0].peak_viewers, 14u);
}

TEST(Aggregation, ShowsNoRateWhenTheStatisticsStop) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  for (int second = 0; second <= 3; ++second)
    aggregation.stream_statistics(statistics("cam1", 7, second), {});
  const Report report = aggregation.report(kStart + 3 * kSecond + kRateWindowUs + 1);
  EXPECT_EQ(report.streams[0].bytes_per_second, 0);
  EXPECT_EQ(report.streams[0].frames_per_second, 0);
  EXPECT_EQ(report.streams[0].received_bytes, 1'125'000u);
}

TEST(Aggregation, RemovesAnEndedStreamButNotItsSuccessor) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  aggregation.stream_published("0", published("cam1", 8));
  aggregation.stream_ended(ended("cam1", 7));
  EXPECT_EQ(aggregation.report(kStart).streams.size(), 1u);
  aggregation.stream_ended(ended("cam1", 8));
  aggregation.stream_ended(ended("never", 1));
  EXPECT_TRUE(aggregation.report(kStart).streams.empty());
}

// A rendition begins and ends while its source goes on; both have the stream's name.
TEST(Aggregation, CountsSourcesOnly) {
  stream::v1::StreamPublished rendition = published("cam1", 9, 640);
  rendition.set_role(stream::v1::LOG_ROLE_RENDITION);
  rendition.set_rendition("360p");
  stream::v1::StreamEnded end = ended("cam1", 9);
  end.set_role(stream::v1::LOG_ROLE_RENDITION);
  Aggregation aggregation;
  stream::v1::StreamPublished source = published("cam1", 7);
  source.set_role(stream::v1::LOG_ROLE_SOURCE);
  aggregation.stream_published("0", source);
  aggregation.stream_published("0", rendition);
  aggregation.stream_ended(end);
  Report report = aggregation.report(kStart);
  ASSERT_EQ(report.streams.size(), 1u);
  EXPECT_EQ(report.streams[0].width, 1280u);
  EXPECT_EQ(report.publications, 1u);
  aggregation.replace_streams("0", {rendition});
  EXPECT_TRUE(aggregation.report(kStart).streams.empty()) << "what is left of a source is none";
  aggregation.replace_streams("0", {rendition, published("cam1", 8)});
  EXPECT_EQ(aggregation.report(kStart).streams.size(), 1u) << "an older ingest states no role";
}

TEST(Aggregation, BeginsAnewWithANewPublicationAndGoesOnWithNewTracks) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  for (int second = 0; second <= 3; ++second)
    aggregation.stream_statistics(statistics("cam1", 7, second, 9), {});
  aggregation.stream_published("0", published("cam1", 7, 1920));
  Report report = aggregation.report(kStart + 3 * kSecond);
  EXPECT_EQ(report.streams[0].width, 1920u);
  EXPECT_DOUBLE_EQ(report.streams[0].frames_per_second, 30);
  aggregation.stream_published("0", published("cam1", 8));
  aggregation.stream_statistics(statistics("cam1", 7, 4, 9), {});
  report = aggregation.report(kStart + 4 * kSecond);
  EXPECT_EQ(report.streams[0].peak_viewers, 0u);
  EXPECT_EQ(report.streams[0].received_bytes, 0u) << "statistics of the old publication came late";
}

TEST(Aggregation, TakesASnapshotForTheWholeTruth) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  for (const char* id : {"a", "b"}) {
    aggregation.stream_published("0", published(id, 1));
    for (int second = 0; second <= 3; ++second) aggregation.stream_statistics(statistics(id, 1, second), {});
  }
  aggregation.replace_streams("0", {published("b", 1), published("c", 2)});
  const Report report = aggregation.report(kStart + 3 * kSecond);
  ASSERT_EQ(report.streams.size(), 2u);
  EXPECT_EQ(report.streams[0].stream_id, "b");
  EXPECT_DOUBLE_EQ(report.streams[0].frames_per_second, 30)
      << "a stream that is still the same keeps its numbers";
  EXPECT_EQ(report.streams[1].stream_id, "c");
}

TEST(Aggregation, AddsUpAllStreams) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  for (const char* id : {"a", "b", "c"}) {
    aggregation.stream_published("0", published(id, 1));
    for (int second = 0; second <= 3; ++second)
      aggregation.stream_statistics(statistics(id, 1, second, 2), {});
    aggregation.viewer_statistics("0", viewers(id, 5, kStart + 3 * kSecond));
  }
  Report report = aggregation.report(kStart + 3 * kSecond);
  EXPECT_DOUBLE_EQ(report.bytes_per_second, 3 * 375'000);
  EXPECT_EQ(report.rtmp_viewers, 6u);
  EXPECT_EQ(report.hls_viewers, 15u);
  EXPECT_EQ(report.peak_viewers, 21u);
  aggregation.stream_ended(ended("a", 1));
  report = aggregation.report(kStart + 3 * kSecond);
  EXPECT_EQ(report.hls_viewers, 10u);
  EXPECT_EQ(report.peak_viewers, 21u);
}

TEST(Aggregation, RefusesNamesThatAreNoIdsAndMoreStreamsThanItsBound) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("a\"} 1\nevil", 1));
  aggregation.viewer_statistics("0", viewers("../x", 1, kStart));
  for (std::size_t i = 0; i < kMaxStreams + 10; ++i)
    aggregation.stream_published("0", published("s" + std::to_string(i), 1));
  EXPECT_EQ(aggregation.report(kStart).streams.size(), kMaxStreams);
}

TEST(Aggregation, CountsRecordings) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.recording_started("0", "a.mp4");
  aggregation.recording_started("0", "b.mp4");
  aggregation.recording_finished("0", "a.mp4", 1000);
  aggregation.recording_failed("0", "cam1");
  Report report = aggregation.report(kStart);
  EXPECT_EQ(report.recordings, 1u);
  EXPECT_EQ(report.failing_recordings, 1u);
  EXPECT_EQ(report.finished_recordings, 1u);
  EXPECT_EQ(report.finished_recording_bytes, 1000u);
  aggregation.recording_works("0", "cam1");
  aggregation.clear_recordings("0");
  report = aggregation.report(kStart);
  EXPECT_EQ(report.recordings + report.failing_recordings, 0u);
  EXPECT_EQ(report.finished_recordings, 1u);
}

TEST(Aggregation, AnswersForOneStreamOrForAll) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  for (const char* id : {"a", "b"}) {
    aggregation.stream_published("0", published(id, 1));
    for (int second = 0; second <= 3; ++second)
      aggregation.stream_statistics(statistics(id, 1, second, 2), WallTime::from_us(77));
  }
  const Report report = aggregation.report(kStart + 3 * kSecond);
  EXPECT_EQ(Aggregation::reply(report, "").streams_size(), 2);
  EXPECT_EQ(Aggregation::reply(report, "never").streams_size(), 0);
  const v1::MetricsReply reply = Aggregation::reply(report, "b");
  ASSERT_EQ(reply.streams_size(), 1);
  const v1::StreamMetrics& stream = reply.streams(0);
  EXPECT_EQ(stream.stream_id(), "b");
  EXPECT_TRUE(stream.live());
  EXPECT_DOUBLE_EQ(stream.bitrate_kbps(), 3000);
  EXPECT_DOUBLE_EQ(stream.fps(), 30);
  EXPECT_EQ(stream.width(), 1280u);
  EXPECT_EQ(stream.viewers(), 2u);
  EXPECT_EQ(stream.peak_viewers(), 2u);
  EXPECT_EQ(stream.timestamp_jumps(), 3u);
  EXPECT_EQ(stream.updated_wall_us(), 77);
}

TEST(Aggregation, CountsViewersAndBytesOfThisPublicationOnly) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  const auto say = [&](std::uint64_t began, std::uint64_t sent, std::uint32_t now, int second) {
    stream::v1::ViewerStatistics event = viewers("cam1", now, kStart + second * kSecond);
    event.set_began(began);
    event.set_sent_bytes(sent);
    event.set_segment_latency_us(40'000);
    aggregation.viewer_statistics("0", event);
  };
  aggregation.stream_published("0", published("cam1", 7));
  say(5, 1000, 2, 1);
  aggregation.stream_ended(ended("cam1", 7));
  say(6, 1500, 3, 2);  // viewers of the end
  aggregation.stream_published("0", published("cam1", 8));
  say(7, 1700, 3, 3);
  StreamReport row = aggregation.report(kStart + 3 * kSecond).streams.at(0);
  EXPECT_EQ(row.hls_sent_bytes, 200u);
  EXPECT_EQ(row.total_viewers, 3u) << "three are there, one of them came now";
  EXPECT_DOUBLE_EQ(row.segment_latency_seconds, 0.04);
  say(2, 300, 2, 4);  // packaging was restarted
  stream::v1::StreamStatistics numbers = statistics("cam1", 8, 5, 1);
  numbers.set_players_began(4);
  aggregation.stream_statistics(numbers, {});
  const Report report = aggregation.report(kStart + 5 * kSecond);
  row = report.streams.at(0);
  EXPECT_EQ(row.hls_sent_bytes, 500u);
  EXPECT_EQ(row.total_viewers, 1u + 2u + 4u);
  EXPECT_EQ(row.peak_viewers, 3u);
  EXPECT_EQ(report.sent_bytes, 1500u + 200u + 300u);
  EXPECT_EQ(report.total_viewers, 7u + 2u + 4u);
  EXPECT_EQ(report.publications, 2u);
}

TEST(Aggregation, KeepsTheSumsWhenStreamsEndAndTellsWhoEnded) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  for (std::uint64_t publication = 1; publication <= 3; ++publication) {
    aggregation.stream_published("0", published("cam1", publication));
    aggregation.stream_statistics(statistics("cam1", publication, 2), {});
    aggregation.stream_statistics(statistics("cam1", publication, 4), {});
    if (publication != 2) aggregation.stream_ended(ended("cam1", publication));
  }
  const Report report = aggregation.report(kStart);
  EXPECT_TRUE(report.streams.empty());
  EXPECT_EQ(report.received_bytes, 3u * 4 * 375'000);
  const std::vector<StreamReport> gone = aggregation.take_ended();
  ASSERT_EQ(gone.size(), 3u) << "the second was replaced by the third";
  EXPECT_EQ(gone[1].publication_id, PublicationId{2});
  EXPECT_TRUE(aggregation.take_ended().empty());
}

TEST(Aggregation, HidesAStreamFromTheMomentItBecomesPrivate) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  aggregation.visibility_changed("cam1", true);
  EXPECT_TRUE(aggregation.report(kStart).streams.at(0).is_private);
  aggregation.stream_ended(ended("cam1", 7));
  EXPECT_TRUE(aggregation.take_ended().at(0).is_private) << "its end is not for strangers either";
  aggregation.visibility_changed("cam1", false);
  aggregation.stream_published("0", published("cam1", 8));
  EXPECT_FALSE(aggregation.report(kStart).streams.at(0).is_private) << "as the publication says";
}

TEST(Aggregation, HidesEveryStreamUntilItIsKnownWhoMayWatch) {
  Aggregation aggregation;
  aggregation.stream_published("0", published("cam1", 7));
  EXPECT_TRUE(aggregation.report(kStart).streams.at(0).is_private);
  aggregation.watching().set_complete();
  EXPECT_FALSE(aggregation.report(kStart).streams.at(0).is_private);
  aggregation.watching().set_barred("cam1", true);
  EXPECT_TRUE(aggregation.report(kStart).streams.at(0).is_private) << "banned: until it is cut";
}

TEST(Aggregation, HidesAStreamThatWasMadePrivateBeforeItWasHeardOf) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.watching().set_private("cam1", true);
  aggregation.replace_streams("0", {published("cam1", 7)});
  EXPECT_TRUE(aggregation.report(kStart).streams.at(0).is_private);
  aggregation.stream_ended(ended("cam1", 7));
  EXPECT_TRUE(aggregation.take_ended().at(0).is_private);
}

TEST(Aggregation, SaysThatNoKeyFrameCameForLong) {
  Aggregation aggregation;
  aggregation.watching().set_complete();
  aggregation.stream_published("0", published("cam1", 7));
  stream::v1::StreamStatistics numbers = statistics("cam1", 7, 1);
  numbers.set_since_key_us(12'000'000);
  aggregation.stream_statistics(numbers, {});
  EXPECT_DOUBLE_EQ(aggregation.report(kStart).streams.at(0).key_interval_seconds, 12);
  aggregation.judge(kStart + kSecond, {});
  const auto history = aggregation.health_history("cam1", kStart + kSecond);
  ASSERT_TRUE(history);
  EXPECT_EQ(history->now().health_score(), 70);
  EXPECT_EQ(history->level(), "good");
  ASSERT_EQ(history->points_size(), 1);
  EXPECT_EQ(history->points(0).reasons(0), "long_key_interval");
  EXPECT_FALSE(aggregation.health_history("cam2", kStart));
}

TEST(Aggregation, KeepsWhatInstancesSayApart) {
  Aggregation aggregation;
  aggregation.stream_published("0", published("cam1", 1));
  aggregation.stream_published("1", published("cam2", 2));
  aggregation.viewer_statistics("0", viewers("cam1", 3, kStart));
  aggregation.viewer_statistics("1", viewers("cam1", 4, kStart));
  aggregation.recording_started("0", "cam1.mp4");
  aggregation.recording_failed("1", "cam2");
  Report report = aggregation.report(kStart + kSecond);
  EXPECT_EQ(report.hls_viewers, 7u) << "viewers of both";
  // The restart of one ends its own streams and recordings only.
  aggregation.replace_streams("1", {});
  aggregation.clear_recordings("1");
  report = aggregation.report(kStart + kSecond);
  ASSERT_EQ(report.streams.size(), 1u);
  EXPECT_EQ(report.streams[0].stream_id, "cam1");
  EXPECT_EQ(report.recordings, 1u);
  EXPECT_EQ(report.failing_recordings, 0u);
}

TEST(Aggregation, FollowsAStreamThatMovesToAnotherInstance) {
  Aggregation aggregation;
  auto older = published("cam1", 1);
  older.set_epoch(4);
  auto newer = published("cam1", 2);
  newer.set_epoch(5);
  aggregation.stream_published("0", older);
  aggregation.stream_published("1", newer);
  aggregation.replace_streams("0", {older});  // it has not ended there yet
  EXPECT_EQ(aggregation.report(kStart).streams.at(0).publication_id, PublicationId{2});
  aggregation.replace_streams("0", {});
  EXPECT_EQ(aggregation.report(kStart).streams.size(), 1u);
}

}  // namespace
}  // namespace millrace::metrics
