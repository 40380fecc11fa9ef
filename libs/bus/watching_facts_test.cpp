#include "bus/watching_facts.hpp"

#include <gtest/gtest.h>

#include "bus/v1/bus.pb.h"

namespace millrace::bus {
namespace {

using playback::Standing;

v1::Event complete(bool is_complete) {
  v1::Event event;
  event.mutable_watching_facts()->set_complete(is_complete);
  return event;
}

v1::Event barred(const std::string& stream_id, bool is_barred) {
  v1::Event event;
  event.mutable_stream_barred()->set_stream_id(stream_id);
  event.mutable_stream_barred()->set_barred(is_barred);
  return event;
}

v1::Event visibility(const std::string& stream_id, bool is_private) {
  v1::Event event;
  event.mutable_visibility_changed()->set_stream_id(stream_id);
  event.mutable_visibility_changed()->set_is_private(is_private);
  return event;
}

TEST(WatchingFacts, AreKnownWhenAuthSaysThatTheyAreAll) {
  playback::Revocations revocations;
  apply(revocations, v1::Snapshot());
  apply(revocations, complete(false));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kUnknown) << "of an auth without its database";
  v1::Snapshot snapshot;
  *snapshot.add_events() = complete(true);
  *snapshot.add_events() = visibility("cam1", true);
  *snapshot.add_events() = barred("cam2", true);
  apply(revocations, snapshot);
  EXPECT_EQ(revocations.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(revocations.standing("cam2"), Standing::kBarred);
  EXPECT_EQ(revocations.standing("cam3"), Standing::kPublic);
}

TEST(WatchingFacts, StayKnownWhileANewAuthStarts) {
  playback::Revocations revocations;
  apply(revocations, visibility("cam1", true));
  apply(revocations, complete(true));
  v1::Snapshot snapshot;
  *snapshot.add_events() = complete(false);
  apply(revocations, snapshot);
  EXPECT_EQ(revocations.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(revocations.standing("cam2"), Standing::kPublic);
}

v1::Event of(std::uint64_t boot_id, v1::Event event) {
  event.set_boot_id(boot_id);
  return event;
}

TEST(WatchingFacts, EndWithTheNextAuthThatDoesNotHaveThemWhenItHasNamedAll) {
  playback::Revocations revocations;
  for (const auto& event :
       {barred("cam1", true), barred("cam2", true), visibility("cam3", true), complete(true)})
    apply(revocations, of(7, event));
  v1::Snapshot snapshot;
  *snapshot.add_events() = of(3, complete(false));
  *snapshot.add_events() = of(3, barred("cam2", true));
  apply(revocations, snapshot);
  for (const char* id : {"cam1", "cam2"}) EXPECT_EQ(revocations.standing(id), Standing::kBarred) << id;
  EXPECT_EQ(revocations.standing("cam3"), Standing::kPrivate) << "not all is named yet";
  apply(revocations, of(3, complete(true)));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kPublic);
  EXPECT_EQ(revocations.standing("cam2"), Standing::kBarred);
  EXPECT_EQ(revocations.standing("cam3"), Standing::kPublic);
}

TEST(WatchingFacts, AreNotForgottenForWhatAnotherInstanceHasNotNamed) {
  playback::Revocations revocations;
  const auto by = [](const char* instance, std::uint64_t boot, v1::Event event) {
    event.set_instance(instance);
    return of(boot, std::move(event));
  };
  apply(revocations, by("a", 7, barred("cam1", true)));
  apply(revocations, by("a", 7, complete(true)));
  apply(revocations, by("b", 9, complete(true)));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kBarred) << "b may have read it before the ban";
  apply(revocations, by("b", 9, barred("cam1", false)));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kPublic);
}

TEST(WatchingFacts, AreCountedWhenThereIsNoRoomForThem) {
  playback::Revocations revocations;
  for (std::size_t i = 0; i <= playback::Revocations::kMaxBarred; ++i)
    apply(revocations, barred("cam" + std::to_string(i), true));
  EXPECT_EQ(revocations.not_taken(), 1U);
}

TEST(WatchingFacts, OutliveANewAuthThatCouldNotNameAll) {
  playback::Revocations revocations;
  for (const auto& event : {barred("cam1", true), visibility("cam2", true), complete(true)})
    apply(revocations, of(7, event));
  for (std::size_t i = 0; i < playback::Revocations::kMaxEntries; ++i)
    apply(revocations, of(8, barred("other" + std::to_string(i), true)));
  apply(revocations, of(8, complete(true)));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kBarred);
  EXPECT_EQ(revocations.standing("cam2"), Standing::kPublic) << "of private streams it named all";
}

TEST(WatchingFacts, ChangeWithTheEventsThatFollow) {
  playback::Revocations revocations;
  apply(revocations, complete(true));
  apply(revocations, barred("cam1", true));
  apply(revocations, barred("cam2", true));
  apply(revocations, barred("cam2", false));
  EXPECT_EQ(revocations.standing("cam1"), Standing::kBarred);
  EXPECT_EQ(revocations.standing("cam2"), Standing::kPublic);
  v1::Event revoked;
  revoked.mutable_playback_revoked()->set_viewer(7);
  revoked.mutable_playback_revoked()->set_until_wall_seconds(100);
  apply(revocations, revoked);
  playback::Claims claims;
  claims.viewer = playback::Viewer{7, 1};
  EXPECT_TRUE(revocations.is_revoked(claims));
}

}  // namespace
}  // namespace millrace::bus
