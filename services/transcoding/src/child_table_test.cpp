#include "child_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::transcoding {
namespace {

using namespace std::chrono_literals;

constexpr PublicationId kOne{1};
constexpr PublicationId kTwo{2};
const LivePublication kCam{"cam", kOne};
const LivePublication kOther{"other", kTwo};

LivePublication unwanted(LivePublication live) {
  live.wanted = false;
  return live;
}

std::vector<PublicationId> ids(const std::vector<LivePublication>& starts) {
  std::vector<PublicationId> all;
  for (const LivePublication& each : starts) all.push_back(each.publication);
  return all;
}

TEST(ChildTable, StartsOneForEachLivePublication) {
  ChildTable table(4);
  EXPECT_EQ(ids(table.look({kCam, kOther}, 0ms)), (std::vector{kOne, kTwo}));
  table.started(kOne, 11, 0ms);
  table.started(kTwo, 12, 0ms);
  EXPECT_TRUE(table.look({kCam, kOther}, 500ms).empty());
  EXPECT_EQ(table.pids(), (std::map<PublicationId, int>{{kOne, 11}, {kTwo, 12}}));
  EXPECT_EQ(table.counts().running, 2U);
}

TEST(ChildTable, StartsAgainAfterAWhileThatGrows) {
  ChildTable table(4);
  ChildTable::Time now = 0ms;
  std::vector<int> delays;
  table.look({kCam}, now);
  for (int i = 0; i < 5; ++i) {
    table.started(kOne, 11, now);
    table.failed(kOne, now);
    const ChildTable::Time ended = now;
    while (table.look({kCam}, now).empty()) now += 100ms;
    delays.push_back(static_cast<int>((now - ended).count()));
  }
  EXPECT_EQ(delays, (std::vector{1000, 2000, 4000, 8000, 16'000}));
}

TEST(ChildTable, GivesUpWhatFailsTooOftenAndForgetsItWithItsPublication) {
  ChildTable table(4);
  ChildTable::Time now = 0ms;
  for (unsigned i = 0; i <= ChildTable::kMostFailures; ++i) {
    ASSERT_EQ(table.look({kCam}, now).size(), 1U) << i;
    table.started(kOne, 11, now);
    table.failed(kOne, now);
    now += 30s;
  }
  EXPECT_TRUE(table.look({kCam}, now + 1h).empty());
  EXPECT_EQ(table.counts().given_up, 1U);
  EXPECT_EQ(ids(table.look({{"cam", kTwo}}, now)), (std::vector{kTwo})) << "the encoder has come again";
  EXPECT_EQ(table.counts().given_up, 0U);
}

// Who asks again after a while asks for nothing new.
TEST(ChildTable, RemembersFailuresAsLongAsThePublicationIsLive) {
  ChildTable table(4);
  ChildTable::Time now = 0ms;
  for (unsigned i = 0; i <= ChildTable::kMostFailures; ++i) {
    ASSERT_EQ(table.look({kCam}, now).size(), 1U) << i;
    table.started(kOne, 11, now);
    table.failed(kOne, now);
    table.look({unwanted(kCam)}, now);
    EXPECT_EQ(table.counts().waiting, 0U) << "nobody waits for it";
    EXPECT_TRUE(table.look({kCam}, now).empty()) << "it is tried again after a while";
    now += 30s;
    table.look({unwanted(kCam)}, now);
  }
  EXPECT_TRUE(table.is_given_up(kOne));
  EXPECT_TRUE(table.look({kCam}, now + 1h).empty());
  table.look({}, now + 1h);
  EXPECT_FALSE(table.is_given_up(kOne)) << "it has ended";
}

TEST(ChildTable, ForgivesChildrenThatHaveLivedLong) {
  ChildTable table(4);
  ChildTable::Time now = 0ms;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(table.look({kCam}, now).size(), 1U) << i;
    table.started(kOne, 11, now);
    now += ChildTable::kLongLife;
    table.failed(kOne, now);
    now += ChildTable::kFirstDelay;
  }
}

TEST(ChildTable, HasNoMoreThanItMay) {
  ChildTable table(1);
  EXPECT_EQ(table.look({kCam, kOther}, 0ms).size(), 1U);
  table.started(kOne, 11, 0ms);
  EXPECT_TRUE(table.look({kCam, kOther}, 500ms).empty());
  EXPECT_EQ(table.counts().waiting, 1U);
  table.failed(kOne, 600ms);
  EXPECT_EQ(ids(table.look({kOther}, 700ms)), (std::vector{kTwo})) << "the first one's publication has ended";
}

TEST(ChildTable, WaitsForTheChildOfTheStreamsEarlierPublication) {
  ChildTable table(4);
  table.look({kCam}, 0ms);
  table.started(kOne, 11, 0ms);
  const LivePublication again{"cam", kTwo};
  EXPECT_TRUE(table.look({again}, 500ms).empty());
  EXPECT_EQ(table.pids().size(), 1U) << "it writes what is left";
  table.failed(kOne, 600ms);
  EXPECT_EQ(ids(table.look({again}, 700ms)), (std::vector{kTwo}));
}

TEST(ChildTable, LeavesAloneWhatItWasToldToGiveUp) {
  ChildTable table(4);
  table.look({kCam}, 0ms);
  table.started(kOne, 11, 0ms);
  table.give_up(kOne);
  EXPECT_TRUE(table.look({kCam}, 1h).empty());
  EXPECT_TRUE(table.pids().empty());
}

TEST(ChildTable, SaysWhichChildNobodyWantsAnyMore) {
  ChildTable table(4);
  table.look({kCam, kOther}, 0ms);
  table.started(kOne, 11, 0ms);
  table.started(kTwo, 12, 0ms);
  EXPECT_TRUE(table.unwanted().empty());
  table.look({unwanted(kCam), kOther}, 1ms);
  EXPECT_EQ(table.unwanted(), (std::map<PublicationId, int>{{kOne, 11}}));
  table.failed(kOne, 2ms);
  table.look({unwanted(kCam), kOther}, 3ms);
  EXPECT_TRUE(table.unwanted().empty());
  EXPECT_EQ(table.counts().waiting, 0U);
}

// It writes what is left of its source.
TEST(ChildTable, LeavesAChildWhosePublicationHasEndedToEndByItself) {
  ChildTable table(4);
  table.look({kCam}, 0ms);
  table.started(kOne, 11, 0ms);
  const ChildTable::Time last = 5min;
  table.look({kCam}, last);
  table.look({}, last + 1ms);
  table.look({}, last + ChildTable::kLongestEnd - 1ms);
  EXPECT_TRUE(table.unwanted().empty());
  EXPECT_EQ(table.pids().size(), 1U);
  table.look({}, last + ChildTable::kLongestEnd);
  EXPECT_EQ(table.unwanted().size(), 1U) << "it should have ended long ago";
  table.failed(kOne, last + ChildTable::kLongestEnd + 1ms);
  EXPECT_TRUE(table.look({}, last + ChildTable::kLongestEnd + 2ms).empty());
  EXPECT_EQ(table.counts().waiting, 0U);
}

TEST(ChildTable, StartsNoneForWhatNobodyWants) {
  ChildTable table(4);
  EXPECT_TRUE(table.look({unwanted(kCam)}, 0ms).empty());
  EXPECT_EQ(table.counts().waiting, 0U);
  EXPECT_EQ(table.look({kCam}, 1ms).size(), 1U);
}

// However often somebody looks in for a moment.
TEST(ChildTable, WhatWasUnwantedHasNotFailed) {
  ChildTable table(4);
  ChildTable::Time now = 0ms;
  for (unsigned i = 0; i < 2 * ChildTable::kMostFailures; ++i) {
    ASSERT_EQ(table.look({kCam}, now).size(), 1U) << i;
    table.started(kOne, 11, now);
    table.look({unwanted(kCam)}, now += 1ms);
    EXPECT_EQ(table.unwanted().size(), 1U);
    EXPECT_TRUE(table.look({kCam}, now += 1ms).empty()) << "it is to end all the same";
    EXPECT_EQ(table.unwanted().size(), 1U);
    table.failed(kOne, now += 1ms);
  }
  EXPECT_EQ(table.look({kCam}, now).size(), 1U) << "at once";
}

}  // namespace
}  // namespace millrace::transcoding
