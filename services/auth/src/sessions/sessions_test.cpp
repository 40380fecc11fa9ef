// Sessions and the notices of their ends, without database and clock.
#include <gtest/gtest.h>

#include <limits>

#include "sessions/notice_queue.hpp"
#include "sessions/session_book.hpp"

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Session session(std::uint64_t id, const std::string& stream, std::uint64_t arrival) {
  Session result;
  result.request.id = id;
  result.request.stream_id = stream;
  result.request.session_id = "session-" + std::to_string(id);
  result.owed = bit(HookKind::kCallback);
  result.admitted_wall = WallTime::from_seconds(1000);
  result.arrival = arrival;
  return result;
}

TEST(SessionBook, EndsASessionOnceWhateverTellsIt) {
  SessionBook book;
  ASSERT_TRUE(book.add(session(1, "a", 1)));
  EXPECT_TRUE(book.published(PublicationId{1}));
  EXPECT_NE(book.end(PublicationId{1}, WallTime::from_us(5)), nullptr);
  EXPECT_EQ(book.end(PublicationId{1}, WallTime::from_us(6)), nullptr);
  EXPECT_EQ(book.end(PublicationId{2}, WallTime::from_us(6)), nullptr);
  EXPECT_EQ(book.find(PublicationId{1})->ended_wall, WallTime::from_us(5));
  EXPECT_FALSE(book.published(PublicationId{1})) << "its end was reported: it must not be live";
  EXPECT_TRUE(book.published(PublicationId{2})) << "not ours to judge";
}

TEST(SessionBook, KnowsTheNewestOfAStreamByArrival) {
  SessionBook book;
  EXPECT_EQ(book.newest("a"), nullptr);
  book.add(session(1, "a", 7));
  book.add(session(2, "a", 3));
  book.add(session(3, "b", 9));
  EXPECT_EQ(book.newest("a")->request.id, 1U);
  book.end(PublicationId{1}, WallTime::from_us(1));
  EXPECT_EQ(book.newest("a")->request.id, 2U);
  EXPECT_EQ(book.open_session("a", "session-2"), PublicationId{2});
  EXPECT_EQ(book.open_session("a", "session-1"), kNoPublication) << "not open any more";
  EXPECT_EQ(book.open_session("b", "session-2"), kNoPublication);
  book.erase(PublicationId{2});
  EXPECT_EQ(book.newest("a"), nullptr);
  EXPECT_EQ(book.size(), 2U);
}

TEST(SessionBook, MissesWhatWasLiveAndWaitsForWhatWasNot) {
  SessionBook book;
  for (std::uint64_t id = 1; id <= 3; ++id) book.add(session(id, "s" + std::to_string(id), id));
  book.published(PublicationId{1});
  book.published(PublicationId{2});
  EXPECT_EQ(book.missing({PublicationId{2}, PublicationId{9}}), std::vector{PublicationId{1}});
  EXPECT_TRUE(book.unseen(WallTime::from_seconds(1000) + SessionBook::kUnseenUs).empty());
  EXPECT_EQ(book.unseen(WallTime::from_seconds(1000) + SessionBook::kUnseenUs + 1),
            std::vector{PublicationId{3}});
  EXPECT_EQ(book.unseen(WallTime()), std::vector{PublicationId{3}}) << "the clock was set back";
  book.end(PublicationId{3}, WallTime::from_us(1));
  EXPECT_TRUE(book.unseen(WallTime::from_seconds(5000)).empty());
  EXPECT_EQ(book.open().size(), 2U);
}

using Key = NoticeQueue::Key;
constexpr Key kOne{1, HookKind::kCallback};

TEST(NoticeQueue, TellsUntilAcknowledgedWithGrowingPauses) {
  NoticeQueue queue;
  EXPECT_TRUE(queue.add(kOne, 0, 1000 * kSecond).empty());
  std::int64_t now = 0;
  for (const std::int64_t pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(queue.take(now), std::vector<Key>{kOne});
    EXPECT_TRUE(queue.take(now).empty()) << "it is being sent";
    EXPECT_FALSE(queue.done(kOne, false, now, 1.0));
    EXPECT_EQ(queue.next_due_us(), now + pause * kSecond);
    EXPECT_TRUE(queue.take(now + pause * kSecond - 1).empty());
    now += pause * kSecond;
  }
  EXPECT_EQ(queue.take(now), std::vector<Key>{kOne});
  EXPECT_TRUE(queue.done(kOne, true, now, 0));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.next_due_us(), std::numeric_limits<std::int64_t>::max());
}

TEST(NoticeQueue, SpreadsPausesAndGivesUpInTheEnd) {
  NoticeQueue queue;
  (void)queue.add(kOne, 0, 10 * kSecond);
  (void)queue.take(0);
  EXPECT_FALSE(queue.done(kOne, false, 0, 0.0));
  EXPECT_EQ(queue.next_due_us(), kSecond / 2);
  (void)queue.take(kSecond);
  EXPECT_TRUE(queue.done(kOne, false, 10 * kSecond, 0.0)) << "over, though never acknowledged";
  EXPECT_EQ(queue.size(), 0U);
}

TEST(NoticeQueue, KeepsItsBounds) {
  NoticeQueue queue({.notices = 3, .running = 2, .first_pause_us = kSecond, .longest_pause_us = kSecond});
  for (std::uint64_t id = 1; id <= 3; ++id) (void)queue.add({id, HookKind::kCallback}, 0, 10 * kSecond);
  EXPECT_EQ(queue.take(0).size(), 2U) << "at once";
  EXPECT_EQ(queue.add({4, HookKind::kCallback}, 0, 10 * kSecond),
            (std::vector<Key>{{3, HookKind::kCallback}}))
      << "the oldest that is not being sent";
  (void)queue.add({5, HookKind::kSrs}, 0, 10 * kSecond);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.take(0), (std::vector<Key>{{5, HookKind::kSrs}})) << "another hook has places of its own";
}

TEST(NoticeQueue, IgnoresAnswersForWhatItDoesNotTell) {
  NoticeQueue queue;
  EXPECT_FALSE(queue.done(kOne, true, 0, 0));
  (void)queue.add(kOne, 0, kSecond);
  EXPECT_FALSE(queue.done(kOne, true, 0, 0)) << "nobody was notified yet";
  EXPECT_EQ(queue.take(0).size(), 1U);
}

}  // namespace
}  // namespace millrace::auth
