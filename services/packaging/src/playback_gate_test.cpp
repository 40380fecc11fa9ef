#include "playback_gate.hpp"

#include <gtest/gtest.h>

namespace millrace::packaging {
namespace {

constexpr WallTime kNow = WallTime::from_seconds(1'000);

playback::TokenKeys keys() {
  return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
}

std::string token(std::string stream_id = "s1", std::uint32_t expires_s = 1'060) {
  return keys().sign(
      {.stream_id = std::move(stream_id), .expires_s = expires_s, .network = {}, .viewer = {}});
}

// What auth says, what the log says, and what is said to who asks without a token, with a good one and with
// another stream's. Whoever asks for what.
TEST(PlaybackGate, IsOneRuleForAll) {
  enum class Told { kNothing, kBarred, kPrivate, kPublic };
  const struct {
    Told told;
    bool is_marked;
    int without, with_one, with_others;  // 0: it is given
    bool goes_on_without, goes_on_with;
  } table[] = {
      {Told::kNothing, false, 503, 503, 503, false, false},
      {Told::kNothing, true, 503, 503, 503, false, false},
      {Told::kBarred, false, 404, 404, 404, false, false},
      {Told::kBarred, true, 404, 404, 404, false, false},
      {Told::kPrivate, false, 401, 0, 403, false, true},
      {Told::kPrivate, true, 401, 0, 403, false, true},
      {Told::kPublic, true, 401, 0, 403, false, true},
      {Told::kPublic, false, 0, 0, 0, true, true},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(std::to_string(static_cast<int>(row.told)) + (row.is_marked ? " marked" : ""));
    PlaybackGate gate{keys()};
    if (row.told == Told::kBarred) gate.revocations.set_barred("s1", true);
    if (row.told == Told::kPrivate) gate.revocations.set_private("s1", true);
    if (row.told != Told::kNothing) gate.revocations.set_complete();
    const auto admit = [&](const std::string& given) {
      http::Request request;
      if (!given.empty()) request.query = {{"token", given}};
      return gate.admit(request, "s1", row.is_marked, kNow);
    };
    const auto status = [](const PlaybackGate::Access& access) {
      return access.refusal ? access.refusal->status : 0;
    };
    EXPECT_EQ(status(admit({})), row.without);
    EXPECT_EQ(status(admit(token())), row.with_one);
    EXPECT_EQ(status(admit(token("s2"))), row.with_others);
    EXPECT_FALSE(admit(token("s2")).claims);
    EXPECT_EQ(admit(token()).claims.has_value(), row.with_one == 0);
    EXPECT_EQ(admit({}).is_public, row.without == 0);
    EXPECT_EQ(gate.closed("s1").has_value(), row.told == Told::kNothing || row.told == Told::kBarred);
    EXPECT_EQ(gate.may_go_on("s1", row.is_marked, std::nullopt, kNow), row.goes_on_without);
    EXPECT_EQ(gate.may_go_on("s1", row.is_marked, keys().verify(token()), kNow), row.goes_on_with);
  }
}

TEST(PlaybackGate, EndsWithTheToken) {
  PlaybackGate gate{keys()};
  gate.revocations.set_complete();
  http::Request request;
  request.query = {{"token", token("s1", 1'000)}};
  const auto refused = [&](WallTime now, std::int64_t grace_s) {
    return gate.admit(request, "s1", true, now, grace_s).refusal.has_value();
  };
  EXPECT_TRUE(refused(kNow, 0));
  EXPECT_FALSE(refused(kNow, 30));
  const auto claims = keys().verify(token("s1", 1'000));
  EXPECT_FALSE(gate.may_go_on("s1", true, claims, kNow));
  EXPECT_TRUE(gate.may_go_on("s1", true, claims, WallTime::from_seconds(999)));
  EXPECT_TRUE(gate.may_go_on("s1", false, claims, kNow)) << "it has become public";
}

}  // namespace
}  // namespace millrace::packaging
