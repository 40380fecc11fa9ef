#include "playback/revocations.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::playback {
namespace {

Claims claims_of(std::uint64_t viewer, std::uint64_t lease) {
  Claims claims;
  claims.viewer = Viewer{viewer, lease};
  return claims;
}

TEST(Revocations, TakeBackOneLeaseOrAllOfAViewer) {
  Revocations revoked;
  revoked.revoke({7, 1}, WallTime::from_seconds(100));
  revoked.revoke({8, 0}, WallTime::from_seconds(100));
  const struct {
    Claims claims;
    bool is_revoked;
  } table[] = {{claims_of(7, 1), true}, {claims_of(7, 2), false}, {claims_of(8, 1), true},
               {claims_of(8, 2), true}, {claims_of(9, 1), false}, {Claims{}, false}};
  for (const auto& row : table) EXPECT_EQ(revoked.is_revoked(row.claims), row.is_revoked);
}

TEST(Revocations, ForgetWhatRunsOutFirstAtTheBound) {
  Revocations revoked;
  for (std::size_t i = 0; i < Revocations::kMaxEntries; ++i)
    revoked.revoke({i + 1, 1}, WallTime::from_seconds(static_cast<std::int64_t>(1000 + i)));
  revoked.revoke({1, 1}, WallTime::from_seconds(900'000));  // reported again, and for longer
  revoked.revoke({999'999, 1}, WallTime::from_seconds(500));
  EXPECT_EQ(revoked.size(), Revocations::kMaxEntries);
  EXPECT_TRUE(revoked.is_revoked(claims_of(1, 1)));
  EXPECT_FALSE(revoked.is_revoked(claims_of(2, 1)));
  EXPECT_TRUE(revoked.is_revoked(claims_of(999'999, 1)));
}

TEST(Revocations, SayNothingOfAStreamBeforeAuthWasHeardInWhole) {
  Revocations heard;
  heard.set_private("cam1", true);
  heard.set_barred("cam2", true);
  for (const char* id : {"cam1", "cam2", "cam3"}) EXPECT_EQ(heard.standing(id), Standing::kUnknown) << id;
  heard.set_complete();
  EXPECT_EQ(heard.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(heard.standing("cam2"), Standing::kBarred);
  EXPECT_EQ(heard.standing("cam3"), Standing::kPublic);
}

TEST(Revocations, KnowWhichStreamsBecamePrivateOrAreBarred) {
  Revocations heard;
  heard.set_complete();
  heard.set_private("cam1", true);
  EXPECT_EQ(heard.standing("cam1"), Standing::kPrivate);
  heard.set_barred("cam1", true);
  EXPECT_EQ(heard.standing("cam1"), Standing::kBarred) << "no token helps";
  heard.set_private("cam1", false);
  EXPECT_EQ(heard.standing("cam1"), Standing::kBarred);
  heard.set_barred("cam1", false);
  EXPECT_EQ(heard.standing("cam1"), Standing::kPublic);
}

TEST(Revocations, CountEachChangeOnce) {
  Revocations heard;
  heard.set_private("cam1", true);
  heard.set_barred("cam1", true);
  EXPECT_EQ(heard.changes(), 2U);
  heard.set_private("cam1", true);
  heard.set_barred("cam2", false);
  EXPECT_EQ(heard.changes(), 2U) << "said again";
  heard.set_private("cam1", false);
  EXPECT_EQ(heard.changes(), 3U);
}

TEST(Revocations, HaveRoomForChangesBesideWhatAuthNamesAtItsStart) {
  Revocations heard;
  heard.set_complete();
  for (std::size_t i = 0; i < Revocations::kMaxEntries; ++i) {
    heard.set_private(std::to_string(i), true);
    heard.set_barred("b" + std::to_string(i), true);
  }
  heard.set_private("cam1", true);
  heard.set_barred("cam2", true);
  EXPECT_EQ(heard.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(heard.standing("cam2"), Standing::kBarred);
  for (std::size_t i = 0; i < 2 * Revocations::kMaxPrivate; ++i) {
    heard.set_private(std::to_string(i), true);
    heard.set_barred("b" + std::to_string(i), true);
  }
  EXPECT_EQ(heard.size(), Revocations::kMaxPrivate + Revocations::kMaxBarred);
}

TEST(Revocations, NothingIsForgottenOfAnInstanceTooMany) {
  Revocations known;
  for (std::size_t i = 0; i < Revocations::kMaxInstances; ++i)
    known.set_barred("cam", true, {.instance = std::to_string(i), .boot = 1});
  known.set_barred("late", true, {.instance = "one too many", .boot = 1});
  known.set_complete({.instance = "one too many", .boot = 2});
  EXPECT_EQ(known.standing("late"), Standing::kBarred);
  known.set_complete({.instance = std::to_string(Revocations::kMaxInstances - 1), .boot = 2});
  EXPECT_EQ(known.standing("cam"), Standing::kPublic);
}

}  // namespace
}  // namespace millrace::playback
