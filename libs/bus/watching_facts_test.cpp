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
  playback::Revocations heard;
  hear(heard, v1::Snapshot());
  hear(heard, complete(false));
  EXPECT_EQ(heard.standing("cam1"), Standing::kUnknown) << "of an auth without its database";
  v1::Snapshot snapshot;
  *snapshot.add_events() = complete(true);
  *snapshot.add_events() = visibility("cam1", true);
  *snapshot.add_events() = barred("cam2", true);
  hear(heard, snapshot);
  EXPECT_EQ(heard.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(heard.standing("cam2"), Standing::kBarred);
  EXPECT_EQ(heard.standing("cam3"), Standing::kPublic);
}

TEST(WatchingFacts, StayKnownWhileANewAuthStarts) {
  playback::Revocations heard;
  hear(heard, visibility("cam1", true));
  hear(heard, complete(true));
  v1::Snapshot snapshot;
  *snapshot.add_events() = complete(false);
  hear(heard, snapshot);
  EXPECT_EQ(heard.standing("cam1"), Standing::kPrivate);
  EXPECT_EQ(heard.standing("cam2"), Standing::kPublic);
}

TEST(WatchingFacts, ChangeWithTheEventsThatFollow) {
  playback::Revocations heard;
  hear(heard, complete(true));
  hear(heard, barred("cam1", true));
  hear(heard, barred("cam2", true));
  hear(heard, barred("cam2", false));
  EXPECT_EQ(heard.standing("cam1"), Standing::kBarred);
  EXPECT_EQ(heard.standing("cam2"), Standing::kPublic);
  v1::Event revoked;
  revoked.mutable_playback_revoked()->set_viewer(7);
  revoked.mutable_playback_revoked()->set_until_wall_seconds(100);
  hear(heard, revoked);
  playback::Claims claims;
  claims.viewer = playback::Viewer{7, 1};
  EXPECT_TRUE(heard.is_revoked(claims));
}

}  // namespace
}  // namespace millrace::bus
