#include "bus/call_table.hpp"

#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

using Admission = CallTable::Admission;

v1::Request command(std::uint64_t id, const std::string& key = {}) {
  v1::Request request;
  request.set_id(id);
  request.set_idempotency_key(key);
  request.mutable_close_stream();
  return request;
}

v1::Reply reply(const std::string& message) {
  v1::Reply made;
  made.set_error_message(message);
  return made;
}

TEST(CallTable, SendsAnAnswerToItsAsker) {
  CallTable calls({});
  const auto admitted = calls.admit("peer", command(7), 100, 0);
  ASSERT_EQ(admitted.admission, Admission::kRun);
  const auto replies = calls.answer(admitted.call, reply("done"));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].peer, "peer");
  EXPECT_EQ(replies[0].reply.id(), 7u);
  EXPECT_TRUE(calls.answer(admitted.call, reply("again")).empty());
  EXPECT_EQ(calls.waiting(), 0u);
  EXPECT_EQ(calls.next_due_us(), kNever);
}

TEST(CallTable, SendsDeadlinesInTheirOrderAndIgnoresLateAnswers) {
  CallTable calls({});
  const auto late = calls.admit("a", command(1), 200, 0);
  calls.admit("b", command(2), 100, 0);
  EXPECT_EQ(calls.next_due_us(), 100);
  EXPECT_FALSE(calls.take_due(99));
  auto due = calls.take_due(150);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->peer, "b");
  EXPECT_EQ(due->reply.error_code(), "bus.deadline");
  EXPECT_EQ(due->reply.id(), 2u);
  EXPECT_FALSE(calls.take_due(150));
  EXPECT_TRUE(calls.take_due(200));
  EXPECT_TRUE(calls.answer(late.call, reply("late")).empty());
}

TEST(CallTable, RefusesWhatIsOverBeforeItArrives) {
  CallTable calls({});
  EXPECT_EQ(calls.admit("a", command(1), 100, 100).admission, Admission::kExpired);
}

TEST(CallTable, JoinsARepeatedCommandToItsRunAndRemembersTheAnswer) {
  CallTable calls({});
  const auto first = calls.admit("a", command(1, "k"), 100, 0);
  ASSERT_EQ(first.admission, Admission::kRun);
  EXPECT_EQ(calls.admit("b", command(2, "k"), 300, 10).admission, Admission::kJoined);
  EXPECT_TRUE(calls.take_due(100)) << "the first caller gave up";
  const auto replies = calls.answer(first.call, reply("once"));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].peer, "b");
  EXPECT_EQ(replies[0].reply.id(), 2u);
  const auto again = calls.admit("a", command(3, "k"), 900, 200);
  ASSERT_EQ(again.admission, Admission::kAnswered);
  EXPECT_EQ(again.reply.id(), 3u);
  EXPECT_EQ(again.reply.error_message(), "once");
}

TEST(CallTable, RemembersAnAnswerThatCameAfterTheDeadline) {
  CallTable calls({});
  const auto first = calls.admit("a", command(1, "k"), 100, 0);
  EXPECT_TRUE(calls.take_due(100));
  EXPECT_TRUE(calls.answer(first.call, reply("late")).empty());
  EXPECT_EQ(calls.admit("a", command(2, "k"), 300, 150).reply.error_message(), "late");
}

TEST(CallTable, TellsKindsOfCommandsWithTheSameKeyApart) {
  CallTable calls({});
  v1::Request other;
  other.set_idempotency_key("k");
  other.mutable_ensure_stream();
  EXPECT_EQ(calls.admit("a", command(1, "k"), 100, 0).admission, Admission::kRun);
  EXPECT_EQ(calls.admit("a", other, 100, 0).admission, Admission::kRun);
}

TEST(CallTable, RunsACommandAgainWhenItsRunWasAbandonedOrForgotten) {
  CallTable calls({.max_waiting = 10, .max_answers = 10, .answer_memory_us = 1000});
  const auto first = calls.admit("a", command(1, "k"), 100, 0);
  calls.abandon(first.call);
  EXPECT_TRUE(calls.take_due(100)) << "its caller still gets the deadline";
  const auto second = calls.admit("a", command(2, "k"), 300, 200);
  ASSERT_EQ(second.admission, Admission::kRun);
  calls.answer(second.call, reply("done"));
  EXPECT_EQ(calls.admit("a", command(3, "k"), 2000, 1199).admission, Admission::kAnswered);
  EXPECT_EQ(calls.admit("a", command(4, "k"), 2000, 1201).admission, Admission::kRun);
}

TEST(CallTable, IsBoundedInWaitersAndAnswers) {
  CallTable calls({.max_waiting = 3, .max_answers = 2, .answer_memory_us = 1'000'000});
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(calls.admit("a", command(id, "key" + std::to_string(id)), 100, 0).admission, Admission::kRun);
  }
  EXPECT_EQ(calls.admit("a", command(4), 100, 0).admission, Admission::kOverloaded);
  EXPECT_EQ(calls.waiting(), 3u);
  EXPECT_EQ(calls.answers(), 2u);
  while (calls.take_due(100)) {
  }
  EXPECT_EQ(calls.admit("a", command(5, "key1"), 300, 200).admission, Admission::kRun)
      << "the oldest was forgotten";
  EXPECT_EQ(calls.admit("a", command(6, std::string(129, 'k')), 300, 200).admission, Admission::kBadKey);
}

TEST(CallTable, HoldsNothingAfterManyCallsOfEveryKind) {
  CallTable calls({.max_waiting = 100, .max_answers = 10, .answer_memory_us = 50});
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = i % 2 == 0 ? "" : "key" + std::to_string(i);
    const auto admitted = calls.admit("a", command(1, key), i + 20, i);
    if (i % 3 == 0) calls.answer(admitted.call, reply("x"));
    if (i % 3 == 1) calls.abandon(admitted.call);
    while (calls.take_due(i)) {
    }
    EXPECT_LE(calls.answers(), 10u);
    EXPECT_LE(calls.waiting(), 20u);
  }
  while (calls.take_due(kNever - 1)) {
  }
  calls.forget_old_answers(1'000'000);
  EXPECT_EQ(calls.waiting(), 0u);
  EXPECT_EQ(calls.answers(), 0u);
}

}  // namespace
}  // namespace millrace::bus
