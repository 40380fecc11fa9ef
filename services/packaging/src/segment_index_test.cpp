#include "segment_index.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "record_script.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

// A log of count whole segments of one video frame and more, each this long, and the beginning of the next.
RecordScript frames(std::uint64_t first, int count, std::int64_t segment_ms,
                    std::uint32_t discontinuity = 0) {
  RecordScript script(first, discontinuity);
  for (int i = 0; i < count; ++i)
    script.cut().video(i * segment_ms, true).video(i * segment_ms + segment_ms / 2);
  script.cut().video(count * segment_ms, true);
  return script;
}

void feed(SegmentIndex& index, std::uint64_t publication, std::uint64_t epoch, const RecordScript& script,
          bool end, std::uint64_t from = 0, std::uint32_t target_duration_s = 2) {
  PublicationLog& log = index.log(PublicationId{publication}, Epoch{epoch});
  log.target_duration_s = target_duration_s;
  log.segments.add_configuration(video_timing());
  for (const media::SampleRecord& record : script.records) {
    if (record.sequence >= from) log.segments.add(record);
  }
  if (end) log.segments.end();
}

std::uint64_t first_listed(const Listing& listing) {
  return listing.offered.at(listing.first_listed).media_sequence;
}

TEST(SegmentIndex, ListsTheWindowAndStillOffersWhatLeftIt) {
  SegmentIndex index(WindowPolicy{.segments = 4});
  feed(index, 1, 1, frames(100, 20, 2000), false);
  index.trim();
  const Listing listing = index.listing(0);
  ASSERT_EQ(listing.offered.size(), 9U);  // the list, what was in lists that had it, and one more
  EXPECT_EQ(listing.offered.back().media_sequence, 119U);
  EXPECT_EQ(first_listed(listing), 116U);
  EXPECT_EQ(listing.first_listed, 5U);
  EXPECT_EQ(listing.target_duration_seconds, 2U);
  EXPECT_FALSE(listing.ended);
}

TEST(SegmentIndex, IsEmptyBeforeTheFirstSegmentIsComplete) {
  SegmentIndex index(WindowPolicy{});
  EXPECT_TRUE(index.listing(0).offered.empty());
  EXPECT_FALSE(index.listing(1'000 * kSecond).ended);
  feed(index, 1, 1, frames(100, 0, 2000), false);
  EXPECT_TRUE(index.listing(0).offered.empty());
}

TEST(SegmentIndex, ShortensTheWindowOfLongSegmentsButKeepsThreeTargets) {
  const struct {
    std::int64_t segment_ms;
    std::size_t listed;
  } table[] = {{2'000, 10}, {5'000, 10}, {10'000, 4}, {12'000, 3}, {40'000, 3}};
  for (const auto& row : table) {
    SegmentIndex index(WindowPolicy{});
    const auto target_s = static_cast<std::uint32_t>(row.segment_ms / 1000);
    feed(index, 1, 1, frames(100, 20, row.segment_ms), false, 0, target_s);
    const Listing listing = index.listing(0);
    EXPECT_EQ(listing.offered.size() - listing.first_listed, row.listed) << row.segment_ms;
    EXPECT_EQ(listing.first_listed, std::min<std::size_t>(row.listed + 1, 20 - row.listed)) << row.segment_ms;
    EXPECT_EQ(listing.target_duration_seconds, target_s);
  }
}

TEST(SegmentIndex, JoinsPublicationsWithADiscontinuity) {
  SegmentIndex index(WindowPolicy{});
  feed(index, 2, 9, frames(104, 2, 2000, 6), false);  // in whatever order the logs are found
  feed(index, 1, 8, frames(100, 3, 2000, 5), true);
  const Listing listing = index.listing(0);
  ASSERT_EQ(listing.offered.size(), 6U);  // 3 and the last one cut short, then 2
  EXPECT_EQ(listing.offered[3].media_sequence, 103U);
  EXPECT_EQ(listing.offered[3].publication_id, PublicationId{1});
  EXPECT_EQ(listing.offered[4].media_sequence, 104U);
  EXPECT_EQ(listing.offered[4].publication_id, PublicationId{2});
  EXPECT_EQ(listing.offered[4].discontinuity_sequence, 6U);
}

TEST(SegmentIndex, BeginsAnewWhereNumbersDoNotFollow) {
  SegmentIndex index(WindowPolicy{});
  feed(index, 1, 8, frames(100, 3, 2000), true);
  feed(index, 2, 9, frames(200, 2, 2000, 1), false);
  const Listing listing = index.listing(0);
  ASSERT_EQ(listing.offered.size(), 2U);
  EXPECT_EQ(listing.offered[0].media_sequence, 200U);
}

TEST(SegmentIndex, EndsOnlyAfterTheTimeToReconnect) {
  SegmentIndex index(WindowPolicy{.reconnect_grace_us = 60 * kSecond});
  feed(index, 1, 1, frames(100, 3, 2000), true);  // its last sample arrived at 6 s
  EXPECT_FALSE(index.listing(65 * kSecond).ended);
  EXPECT_TRUE(index.listing(66 * kSecond).ended);
  EXPECT_FALSE(index.listing(71 * kSecond).long_ended);
  EXPECT_TRUE(index.listing(72 * kSecond).long_ended) << "three target durations later";
  feed(index, 2, 2, frames(104, 0, 2000, 1), false);
  EXPECT_FALSE(index.listing(66 * kSecond).ended) << "the stream came back";
  index.forget(PublicationId{2});
  EXPECT_TRUE(index.listing(66 * kSecond).ended);
  index.forget(PublicationId{1});
  EXPECT_FALSE(index.listing(66 * kSecond).ended);
}

TEST(SegmentIndex, EndsAtOnceWhenTheStreamIsClosed) {
  SegmentIndex index(WindowPolicy{.reconnect_grace_us = 60 * kSecond});
  feed(index, 1, 1, frames(100, 3, 2000), true);  // its last sample arrived at 6 s
  EXPECT_FALSE(index.listing(7 * kSecond).ended);
  index.log(PublicationId{1}, Epoch{1}).was_closed = true;
  EXPECT_TRUE(index.listing(6 * kSecond).ended);
  EXPECT_FALSE(index.listing(11 * kSecond).long_ended);
  EXPECT_TRUE(index.listing(12 * kSecond).long_ended) << "three target durations later";
  feed(index, 2, 2, frames(104, 0, 2000, 1), false);
  EXPECT_FALSE(index.listing(7 * kSecond).ended) << "the stream was published again";
}

TEST(SegmentIndex, TakesTheTargetDurationFromTheLog) {
  SegmentIndex index(WindowPolicy{});
  feed(index, 1, 1, frames(100, 3, 2000), false);
  index.log(PublicationId{1}, Epoch{1}).target_duration_s = 5;
  EXPECT_EQ(index.listing(0).target_duration_seconds, 5U);
}

// RFC 8216 6.2.2: a segment leaves only if three target durations stay.
TEST(SegmentIndex, ListsThreeTargetDurationsHoweverShortTheSegmentsAre) {
  for (const std::int64_t segment_ms : {200, 500, 2'000, 4'000, 12'000}) {
    for (const std::uint32_t target_s : {2U, 4U, 12U}) {
      SegmentIndex index(WindowPolicy{.segments = 3});
      feed(index, 1, 1, frames(100, 200, segment_ms), false, 0, target_s);
      index.trim();
      const Listing listing = index.listing(0);
      std::int64_t listed_us = 0;
      for (std::size_t i = listing.first_listed; i < listing.offered.size(); ++i)
        listed_us += listing.offered[i].duration_us;
      EXPECT_GE(listed_us, 3 * target_s * kSecond) << segment_ms << " ms, target " << target_s;
      EXPECT_LT(listed_us - listing.offered[listing.first_listed].duration_us,
                std::max<std::int64_t>(3 * target_s * kSecond, 2 * segment_ms * 1000 + 1))
          << "and no more than that, or the window";
    }
  }
}

TEST(SegmentIndex, NamesNoLengthThatRoundsBeyondTheTarget) {
  SegmentIndex index(WindowPolicy{});
  feed(index, 1, 1, frames(100, 3, 2'600), false, 0, 2);
  for (const Segment& segment : index.listing(0).offered) EXPECT_EQ(segment.duration_us, 2'499'999);
}

// A log's end fixes it, except where its writer died.
TEST(SegmentIndex, ListsNothingBeforeTheTargetDurationIsFixed) {
  SegmentIndex index(WindowPolicy{});
  feed(index, 1, 1, frames(100, 3, 2000), false, 0, 0);
  EXPECT_TRUE(index.listing(0).offered.empty());
  index.log(PublicationId{1}, Epoch{1}).segments.end();
  EXPECT_TRUE(index.listing(0).offered.empty());
  index.log(PublicationId{1}, Epoch{1}).target_duration_s = 2;
  EXPECT_EQ(index.listing(0).offered.size(), 4U);
  EXPECT_EQ(index.listing(0).target_duration_seconds, 2U);
}

// A playlist's target duration never changes (RFC 8216 6.2.1).
TEST(SegmentIndex, KeepsOneTargetDurationWhenAWriterDiesInItsFirstSegment) {
  SegmentIndex index(WindowPolicy{});
  std::vector<std::uint32_t> told;
  const auto look = [&] {
    const Listing listing = index.listing(0);
    if (!listing.offered.empty()) told.push_back(listing.target_duration_seconds);
    return listing;
  };
  RecordScript cut_off(100);
  cut_off.cut().video(0, true).video(2900);
  feed(index, 1, 1, cut_off, false, 0, 0);
  look();
  index.log(PublicationId{1}, Epoch{1}).segments.end();
  look();
  feed(index, 2, 2, frames(101, 0, 4000, 1), false, 0, 0);
  look();
  feed(index, 3, 3, frames(102, 2, 4000, 2), false, 0, 4);
  EXPECT_EQ(look().offered.front().media_sequence, 102U);
  EXPECT_EQ(told, std::vector<std::uint32_t>{4});
}

// A packager that dies and comes back at any moment, with whatever is left of the log, never steps back.
TEST(SegmentIndex, NeverStepsBackWhenItStartsAnewAnywhere) {
  RecordScript script(100);
  std::int64_t at = 0;
  for (int i = 0; i < 40; ++i) {
    script.cut(i % 7 == 6).video(at, true).video(at + 1000);
    at += i % 5 == 0 ? 12'000 : 2'000;
  }
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  for (std::size_t committed = 1; committed <= script.records.size(); ++committed) {
    SegmentIndex index(WindowPolicy{.segments = 6});
    RecordScript part = script;
    part.records.resize(committed);
    feed(index, 1, 1, part, false, committed > 50 ? committed - 50 : 0, 12);
    const Listing listing = index.listing(0);
    if (listing.offered.empty()) continue;
    EXPECT_GE(first_listed(listing), first);
    EXPECT_GE(listing.offered.back().media_sequence, last);
    first = first_listed(listing);
    last = listing.offered.back().media_sequence;
  }
  EXPECT_EQ(last, 138U);
}

}  // namespace
}  // namespace millrace::packaging
