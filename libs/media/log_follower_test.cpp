#include "media/log_follower.hpp"

#include <gmock/gmock.h>

#include "media/log_follower_test_support.hpp"

namespace millrace::media {
namespace {

using Look = LogFollower::Look;
using Lag = LogFollower::Lag;

constexpr std::int64_t kSecond = 1'000'000;
constexpr SkipPolicy kSkips{.slow_us = 4 * kSecond,
                            .hopeless_us = 12 * kSecond,
                            .skip_again_us = 20 * kSecond,
                            .catch_up_us = 10 * kSecond,
                            .catch_up_oldest_us = 30 * kSecond};

// Every case with a log from 0 on and with one that began late, as a mirror does.
class LogFollowerTest : public testing::FollowedLogFixture,
                        public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  static bool all(const LogEntry&) { return true; }
  void SetUp() override { restart_log(); }
  void restart_log() {
    create_log(GetParam());
    video(1);
    audio(2);
    follower_.emplace(kSkips);
  }
  bool begin(std::int64_t now_us = 0) { return follower_->begin(*reader_, now_us).has_value(); }
  Look look(std::size_t most = 100, std::uint64_t end = UINT64_MAX) {
    return follower_->look(*reader_, end, most, window_, all);
  }
  // Everything that there is; how many records that was.
  std::size_t follow() {
    std::size_t records = 0;
    while (look() == Look::kRecords) {
      records += window_.end() - follower_->place().next;
      follower_->place().next = window_.end();
    }
    return records;
  }
  std::uint64_t place() const { return follower_->place().next - GetParam(); }
  Lag lag(std::int64_t now_us) const { return follower_->lag(*reader_, log_->committed(), now_us); }

  std::optional<LogFollower> follower_;
  LogWindow window_;
};

INSTANTIATE_TEST_SUITE_P(FirstSequence, LogFollowerTest, ::testing::Values(0, 1'000'000),
                         [](const auto& each) { return each.param == 0 ? "Zero" : "Late"; });

struct BeginCase {
  const char* records;
  LogBeginning from;
  std::uint64_t not_before;
  std::optional<std::uint64_t> place;
};

TEST_P(LogFollowerTest, BeginsAtAKeyFrame) {
  const BeginCase cases[] = {
      {"", LogBeginning::kNewestKey, 0, std::nullopt},
      {"va", LogBeginning::kNewestKey, 0, std::nullopt},
      {"V", LogBeginning::kNewestKey, 0, 0},
      {"vVavVva", LogBeginning::kNewestKey, 0, 4},
      {"vVavVva", LogBeginning::kNewestKey, 6, 4},
      {"vVavVva", LogBeginning::kNextKey, 4, 4},
      {"vVavVva", LogBeginning::kNextKey, 5, std::nullopt},
      {"avVavVva", LogBeginning::kOldestKey, 8, 2},
      {"avav", LogBeginning::kOldestKey, 0, std::nullopt},
  };
  for (const BeginCase& each : cases) {
    SCOPED_TRACE(each.records);
    restart_log();
    write(each.records);
    const auto first = follower_->begin(*reader_, 0, each.from, GetParam() + each.not_before);
    ASSERT_EQ(first.has_value(), each.place.has_value());
    EXPECT_EQ(follower_->begun(), each.place.has_value());
    if (!first) continue;
    EXPECT_EQ(first->sequence, GetParam() + *each.place);
    EXPECT_EQ(place(), *each.place);
    EXPECT_EQ(follow(), std::string_view(each.records).size() - *each.place);
  }
}

TEST_P(LogFollowerTest, BeginsAnywhereInSoundAlone) {
  create_log(GetParam());
  audio(2);
  write("aaaa");
  ASSERT_TRUE(begin());
  EXPECT_EQ(place(), 3U);
  ASSERT_TRUE(follower_->begin(*reader_, 0, LogBeginning::kOldestKey));
  EXPECT_EQ(place(), 0U);
}

TEST_P(LogFollowerTest, LooksForNoMoreThanItWasAsked) {
  write("Vvvvv");
  ASSERT_TRUE(begin());
  ASSERT_EQ(look(2), Look::kRecords);
  EXPECT_EQ(window_.end() - window_.first(), 2U);
  ASSERT_EQ(look(100, GetParam() + 4), Look::kRecords);
  EXPECT_EQ(window_.end() - window_.first(), 4U);
  follower_->place().next = GetParam() + 4;
  EXPECT_EQ(look(100, GetParam() + 4), Look::kNothing) << "there is one, but it is not to be looked at";
  EXPECT_EQ(look(), Look::kRecords);
}

TEST_P(LogFollowerTest, PassesOverWhatIsNotTaken) {
  const auto picture = [](const LogEntry& entry) { return entry.record.track == kVideoTrack; };
  write("Vaaaaav");
  ASSERT_TRUE(begin());
  ++follower_->place().next;
  ASSERT_EQ(follower_->look(*reader_, UINT64_MAX, 2, window_, picture), Look::kRecords);
  EXPECT_EQ(place(), 6U);
  ++follower_->place().next;
  write("aa");
  EXPECT_EQ(follower_->look(*reader_, UINT64_MAX, 2, window_, picture), Look::kNothing);
  EXPECT_EQ(place(), 9U);
  write("a");
  follower_->place().message_sent = 1;
  EXPECT_EQ(follower_->look(*reader_, UINT64_MAX, 2, window_, picture), Look::kRecords) << "it was begun";
}

TEST_P(LogFollowerTest, SaysWhenTheLogHasEnded) {
  write("Vv");
  ASSERT_TRUE(begin());
  EXPECT_EQ(follow(), 2U);
  EXPECT_EQ(look(), Look::kNothing);
  write("v");
  log_->end(LogEnd::kUnpublished);
  EXPECT_EQ(follow(), 1U) << "what is left of it comes first";
  EXPECT_EQ(look(), Look::kEnded);
}

TEST_P(LogFollowerTest, BeginsInALogThatHasEnded) {
  write("VvV");
  log_->end(LogEnd::kUnpublished);
  ASSERT_TRUE(begin());
  EXPECT_EQ(follow(), 1U);
  EXPECT_EQ(look(), Look::kEnded);
}

TEST_P(LogFollowerTest, SaysWhenItsPlaceIsGone) {
  write("Vv");
  ASSERT_TRUE(begin());
  recycle("Vv");
  EXPECT_EQ(look(), Look::kLost);
  EXPECT_EQ(follower_->behind_us(*reader_, log_->committed()), INT64_MAX);
  EXPECT_EQ(lag(60 * kSecond), Lag::kLost);
  EXPECT_GT(follower_->skip(*reader_, 0).value_or(0), 0U);
  EXPECT_EQ(look(), Look::kRecords);
  EXPECT_EQ(lag(60 * kSecond), Lag::kNone);
}

// The place is gone and so is every key frame.
TEST_P(LogFollowerTest, BeginsAgainWhereThereIsNoKeyFrameToGoTo) {
  write("Vv");
  auto first = follower_->begin(*reader_, 0);
  ASSERT_EQ(follower_->place().configurations.begin(*reader_, *first).size(), 2U);
  recycle("v");
  EXPECT_EQ(look(), Look::kLost);
  EXPECT_EQ(follower_->skip(*reader_, 0), 0U);
  EXPECT_FALSE(follower_->begun());
  EXPECT_FALSE(begin());
  write("V");
  first = follower_->begin(*reader_, 0);
  ASSERT_TRUE(first);
  EXPECT_FALSE(follower_->place().configurations.knows(*first)) << "everything is given again";
  EXPECT_EQ(look(), Look::kRecords);
}

TEST_P(LogFollowerTest, KnowsWhenARunWasOverwritten) {
  write("Vv");
  ASSERT_TRUE(begin());
  ASSERT_EQ(look(), Look::kRecords);
  const auto run = window_.from(follower_->place().next);
  write("v");
  EXPECT_TRUE(intact(*reader_, run));
  recycle("v");
  EXPECT_FALSE(intact(*reader_, run));
}

TEST_P(LogFollowerTest, IsNotJudgedBeforeItHadTimeToCatchUp) {
  write("Vvvvvvvv");
  for (const auto& [from, until] :
       {std::pair(LogBeginning::kNewestKey, 10), {LogBeginning::kOldestKey, 30}}) {
    ASSERT_TRUE(follower_->begin(*reader_, 100 * kSecond, from));
    EXPECT_EQ(lag((100 + until) * kSecond - 1), Lag::kNone);
    EXPECT_EQ(lag((100 + until) * kSecond), Lag::kSlow);
  }
}

struct LagCase {
  std::size_t behind;  // records, which are a second apart
  Lag lag;
};

TEST_P(LogFollowerTest, IsSlowByHowOldTheNextRecordIs) {
  write("Vvvvvvvvvvvvvvvvvvvv");
  ASSERT_TRUE(begin());
  for (const LagCase& each : {LagCase{0, Lag::kNone}, LagCase{1, Lag::kNone}, LagCase{5, Lag::kNone},
                              LagCase{6, Lag::kSlow}, LagCase{13, Lag::kSlow}, LagCase{14, Lag::kHopeless}}) {
    SCOPED_TRACE(each.behind);
    follower_->place().next = log_->committed() - each.behind;
    const auto behind_us = static_cast<std::int64_t>(each.behind == 0 ? 0 : each.behind - 1) * kSecond;
    EXPECT_EQ(follower_->behind_us(*reader_, log_->committed()), behind_us);
    EXPECT_EQ(lag(60 * kSecond), each.lag);
  }
}

TEST_P(LogFollowerTest, SkipsOnceInAWhile) {
  write("VvvVvv");
  ASSERT_TRUE(begin());
  EXPECT_EQ(follower_->skip(*reader_, 100 * kSecond), 0U) << "it is there";
  write("vVv");
  EXPECT_EQ(follower_->skip(*reader_, 100 * kSecond), 4U);
  EXPECT_EQ(place(), 7U);
  EXPECT_EQ(follower_->skip(*reader_, 101 * kSecond), 0U) << "no other key frame has come";
  write("V");
  EXPECT_EQ(follower_->skip(*reader_, 120 * kSecond - 1), std::nullopt);
  EXPECT_EQ(place(), 7U);
  follower_->restart();
  ASSERT_TRUE(begin());
  write("V");
  EXPECT_EQ(follower_->skip(*reader_, 120 * kSecond - 1), std::nullopt) << "a new beginning is no excuse";
  EXPECT_EQ(follower_->skip(*reader_, 120 * kSecond), 1U);
}

TEST_P(LogFollowerTest, SkipsAsOftenAsItTakesWhereThePolicyHasNoLimit) {
  follower_.emplace(SkipPolicy{.slow_us = 4 * kSecond});
  write("V");
  ASSERT_TRUE(begin());
  for (int i = 0; i < 3; ++i) {
    write("vvvvvvvvvvvvvvvvvvvV");
    EXPECT_EQ(lag(0), Lag::kSlow);
    EXPECT_EQ(follower_->skip(*reader_, 0), 20U);
  }
}

TEST_P(LogFollowerTest, HasNothingToSkipBeforeItHasBegun) {
  write("VvV");
  EXPECT_EQ(lag(60 * kSecond), Lag::kNone);
  EXPECT_EQ(follower_->skip(*reader_, 0), 0U);
  EXPECT_FALSE(follower_->begun());
}

TEST_P(LogFollowerTest, KeepsAMessageThatWasBegunWhenItBeginsAgain) {
  write("VvvV");
  ASSERT_TRUE(begin());
  follower_->place() = {GetParam() + 1, 5, {}};
  follower_->restart();
  EXPECT_FALSE(follower_->begun());
  EXPECT_TRUE(follower_->place().in_message());
  EXPECT_EQ(place(), 1U);
  EXPECT_EQ(look(), Look::kRecords) << "the rest of it";
}

}  // namespace
}  // namespace millrace::media
