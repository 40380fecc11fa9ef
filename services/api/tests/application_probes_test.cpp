#include "application_probes.hpp"

#include <gtest/gtest.h>

#include <future>

#include "http/upstream.hpp"

namespace millrace::api {
namespace {

using enum ProbeOutcome;

TEST(ProbeOutcome, TellsWhatReachedTheApplicationFromWhatDidNot) {
  const auto of = [](ErrorCode code) { return outcome_of(fail(code)); };
  EXPECT_EQ(of("http.deadline"), kMissed);
  EXPECT_EQ(of("http.unavailable"), kMissed);
  EXPECT_EQ(of("http.bad_answer"), kMissed);
  EXPECT_EQ(of("http.unsent"), kUnsent);
  EXPECT_EQ(of("http.overloaded"), kUnsent);
  EXPECT_EQ(of("http.stopped"), kStopped);
  EXPECT_EQ(outcome_of(http::Response::text(200, "text/plain", "")), kAnswered);
  EXPECT_EQ(outcome_of(http::Response::problem(500, "internal")), kMissed);
}

TEST(ApplicationProbes, GiveUpAfterThreeMissesInARow) {
  ApplicationProbes probes(0);
  EXPECT_TRUE(probes.add(kMissed, 0));
  EXPECT_TRUE(probes.add(kMissed, 0));
  EXPECT_TRUE(probes.add(kAnswered, 1));
  EXPECT_TRUE(probes.add(kMissed, 1));
  EXPECT_TRUE(probes.add(kMissed, 1));
  EXPECT_TRUE(probes.add(kStopped, 1));
  EXPECT_FALSE(probes.add(kMissed, 1));
}

// All connections are busy with others' requests, and these are answered: the application is well.
TEST(ApplicationProbes, ABusyApplicationIsKept) {
  ApplicationProbes probes(0);
  for (std::uint64_t answers = 1; answers < 20; ++answers) EXPECT_TRUE(probes.add(kUnsent, answers));
}

// They wait for an application that answers nobody.
TEST(ApplicationProbes, AnApplicationThatHoldsEveryConnectionIsGivenUp) {
  ApplicationProbes probes(0);
  EXPECT_TRUE(probes.add(kAnswered, 7));
  EXPECT_TRUE(probes.add(kUnsent, 7));
  EXPECT_TRUE(probes.add(kUnsent, 7));
  EXPECT_FALSE(probes.add(kUnsent, 7));
}

// What the one before it answered says nothing of this one.
TEST(ApplicationProbes, AnApplicationThatHasAnsweredNobodySinceItsStartIsGivenUp) {
  ApplicationProbes probes(7);
  EXPECT_TRUE(probes.add(kUnsent, 7));
  EXPECT_TRUE(probes.add(kUnsent, 7));
  EXPECT_FALSE(probes.add(kUnsent, 7));
}

// Nowhere to send it: the application starts, its connections are none of its misses.
TEST(ApplicationProbes, WhatTheUpstreamCouldNotSendIsNoMissByItself) {
  http::UpstreamConfig config;
  config.deadline = std::chrono::milliseconds(20);
  http::Upstream upstream(config);
  std::promise<ProbeOutcome> outcome;
  upstream.send({}, [&](const Result<http::Response>& answer) { outcome.set_value(outcome_of(answer)); });
  EXPECT_EQ(outcome.get_future().get(), kUnsent);
}

}  // namespace
}  // namespace millrace::api
