// Over a real database, with stand-ins for ingest: what a command changes, and what is cut by it.
#include "streams/access_control_testing.hpp"

namespace millrace::auth {
namespace {

class StreamCommandsTest : public AccessControlTest {};

TEST_P(StreamCommandsTest, AFlagIsTheChannelsAlsoWhereTheStoreHasAStreamOfTheName) {
  const std::string id = decisions_->ensure_stream("alice", WallTime::from_us(1))->record.stream_id;
  dependencies_.policy.decides = Decides::kHooks;
  bus::v1::Request change;
  change.mutable_set_private()->set_stream_id(id);
  change.mutable_set_private()->set_is_private(true);
  EXPECT_EQ(ask(change)->reply->stream().subject(), "alice");
  EXPECT_TRUE(decisions_->get_stream(id)->is_private);
  EXPECT_FALSE(play("live", id)->reply->authorize_play().allowed());
  change.mutable_set_banned()->set_stream_id(id);
  change.mutable_set_banned()->set_banned(true);
  ask(change);
  EXPECT_FALSE(publish(1, "live", id)->reply->authorize_publish().allowed());
}

// The store's stream of that name is another one, with epochs of its own.
TEST_P(StreamCommandsTest, AFlagCutsTheChannelOnlyUpToTheChannelsOwnEpoch) {
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  std::uint64_t publication = 0;
  for (const bool ban : {false, true}) {
    EXPECT_EQ(accepted(++publication, id, "s")->reply->authorize_publish().epoch(), publication);
    bus::v1::Request change;
    if (ban) {
      change.mutable_set_banned()->set_stream_id(id);
      change.mutable_set_banned()->set_banned(true);
    } else {
      change.mutable_set_private()->set_stream_id(id);
      change.mutable_set_private()->set_is_private(true);
    }
    closed_.clear();
    ask(change);
    ASSERT_EQ(closed_.size(), 1U);
    EXPECT_EQ(closed_[0].up_to_epoch, Epoch{publication});
    access_->publications().published(live(100 + publication, id, publication + 1), now_);
    EXPECT_EQ(closed_.size(), 1U) << "published under the new rule";
  }
}

TEST_P(StreamCommandsTest, ABannedChannelIsNotEvenAskedFor) {
  bus::v1::Request ban;
  ban.mutable_set_banned()->set_stream_id("chan");
  ban.mutable_set_banned()->set_banned(true);
  accepted(1, "chan", "s1");
  EXPECT_TRUE(ask(ban)->reply->stream().banned());
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].stream_id, "chan");
  EXPECT_EQ(closed_[0].up_to_epoch, Epoch{1});
  const auto refused = publish(2, "chan");
  EXPECT_TRUE(hook_->questions.empty());
  EXPECT_FALSE(refused->reply->authorize_publish().allowed());
  EXPECT_FALSE(play("chan", "key")->reply->authorize_play().allowed());
}

TEST_P(StreamCommandsTest, ARevokedPublicationIsCutWheneverItTurnsUp) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  ASSERT_EQ(decisions_->admit("live", stream.key.reveal()).value()->epoch, Epoch{1});
  bus::v1::Request request;
  request.mutable_regenerate_key()->set_stream_id(id);
  closes_ = fail("bus.deadline", "ingest is not there");
  const auto pending = ask(request);
  EXPECT_EQ(pending->reply->stream().key().size(), 35U);
  EXPECT_NE(pending->reply->stream().key(), stream.key.reveal());
  EXPECT_FALSE(decisions_->admit("live", stream.key.reveal()).value());
  const auto fresh = decisions_->admit("live", pending->reply->stream().key()).value();
  ASSERT_TRUE(fresh);
  closed_.clear();
  access_->publications().published(live(9, id, 1), now_);  // was on its way
  EXPECT_EQ(closed_.size(), 1U);
  access_->publications().published(live(10, id, number_of(fresh->epoch)), now_);
  EXPECT_EQ(closed_.size(), 1U) << "the new key's publication lives";
  request.mutable_regenerate_key()->set_subject("mallory");
  EXPECT_EQ(ask(request)->reply->error_code(), "auth.unknown_stream");
}

TEST_P(StreamCommandsTest, WhoPublishedMayComeBackUnlessTheStreamIsShut) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  bus::v1::Request key;
  key.mutable_regenerate_key()->set_stream_id(id);
  bus::v1::Request visibility;
  visibility.mutable_set_private()->set_stream_id(id);
  visibility.mutable_set_private()->set_is_private(true);
  bus::v1::Request stop;
  stop.mutable_hold_stream()->set_stream_id(id);
  stop.mutable_hold_stream()->set_cut(true);
  bus::v1::Request ban;
  ban.mutable_set_banned()->set_stream_id(id);
  ban.mutable_set_banned()->set_banned(true);
  const struct {
    const char* name;
    const bus::v1::Request& request;
    bool for_good;
  } table[] = {{"key", key, false},
               {"visibility", visibility, false},
               {"stop", stop, true},
               {"ban", ban, true},
               {"the key of a banned one", key, true}};
  std::string secret(stream.key.reveal());
  for (const auto& row : table) {
    (void)decisions_->admit("live", secret);
    closed_.clear();
    const auto pending = ask(row.request);
    if (row.request.has_regenerate_key()) secret = pending->reply->stream().key();
    ASSERT_EQ(closed_.size(), 1U) << row.name;
    EXPECT_EQ(closed_[0].for_good, row.for_good) << row.name;
  }
}

// Auth died when the change was committed, before ingest had heard of it.
TEST_P(StreamCommandsTest, WhatWasRevokedIsCutAfterARestartToo) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  std::vector<std::string> ids;
  for (const char* const owner : {"alice", "bob", "carol", "dave"}) {
    const OwnedStream stream = decisions_->ensure_stream(owner, WallTime::from_us(1)).value();
    ASSERT_EQ(decisions_->admit("live", stream.key.reveal()).value()->epoch, Epoch{1});
    ids.push_back(stream.record.stream_id);
  }
  ASSERT_TRUE(decisions_->regenerate_key(ids[0], ""));
  ASSERT_TRUE(decisions_->set_banned(ids[1], true));
  ASSERT_TRUE(decisions_->set_private(ids[2], true));
  ASSERT_TRUE(decisions_->set_banned(ids[3], false));
  restart();
  for (const std::string& id : ids) access_->publications().published(live(9, id, 1), now_);
  ASSERT_EQ(closed_.size(), 3U) << "the last one's ban was lifted";
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    EXPECT_EQ(closed_[i].stream_id, ids[i]);
    EXPECT_EQ(closed_[i].for_good, i == 1) << "who has another key or visibility may come back";
  }
  closed_.clear();
  access_->publications().published(live(10, ids[0], 2), now_);
  EXPECT_TRUE(closed_.empty()) << "published by the new key";
}

// The commit was lost on its way back: the command failed, and nobody was told.
TEST_P(StreamCommandsTest, WhatWasStoredAlthoughItFailedIsCutAndAnnouncedLater) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  std::vector<std::string> announced;
  dependencies_.announce_barred = [&](const std::string& id, bool) { announced.push_back(id); };
  restart();
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  live_.replace("", {live(9, id, 1)});
  access_->publications().published(live(9, id, 1), now_);
  ASSERT_TRUE(decisions_->set_banned(id, true));
  EXPECT_TRUE(closed_.empty());
  ASSERT_TRUE(access_->catch_up(now_));
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].stream_id, id);
  EXPECT_EQ(announced, std::vector<std::string>{id});
}

// An older copy of the database was put back while a later publication is live.
TEST_P(StreamCommandsTest, WhatIsLiveIsNeverNewerThanTheDatabase) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  restart();
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  ASSERT_EQ(decisions_->admit("live", stream.key.reveal()).value()->epoch, Epoch{1});
  access_->publications().snapshot({live(9, id, 5)}, now_);
  EXPECT_EQ(decisions_->admit("live", stream.key.reveal()).value()->epoch, Epoch{6}) << "takes over";
  access_->publications().snapshot({live(9, id, 2)}, now_);
  EXPECT_EQ(decisions_->get_stream(id)->epoch, Epoch{6});
  bus::v1::Request ban;
  ban.mutable_set_banned()->set_stream_id(id);
  ban.mutable_set_banned()->set_banned(true);
  ask(ban);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].up_to_epoch, Epoch{6});
}

TEST_P(StreamCommandsTest, AChannelTheDatabaseLostIsCutToo) {
  access_->publications().snapshot({live(9, "cam", 5)}, now_);
  closed_.clear();
  bus::v1::Request ban;
  ban.mutable_set_banned()->set_stream_id("cam");
  ban.mutable_set_banned()->set_banned(true);
  ask(ban);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].up_to_epoch, Epoch{5});
  EXPECT_EQ(channels_->find("cam").value()->epoch, Epoch{5});
}

TEST_P(StreamCommandsTest, ARevokedChannelIsCutAfterARestartToo) {
  for (const char* const channel : {"shut", "open"}) accepted(channel[0], channel, channel);
  ASSERT_TRUE(channels_->set_banned("shut", true));
  ASSERT_TRUE(channels_->set_banned("open", false));
  ASSERT_TRUE(channels_->set_banned("never published", true));
  restart();
  access_->publications().published(live('s', "shut", 1), now_);
  access_->publications().published(live('o', "open", 1), now_);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].stream_id, "shut");
  EXPECT_TRUE(closed_[0].for_good);
}

TEST_P(StreamCommandsTest, ChangedSettingsReachWhoeverIsLiveOrTurnsUp) {
  const std::string id = decisions_->ensure_stream("alice", WallTime::from_us(1))->record.stream_id;
  bus::v1::Request request;
  auth::v1::UpdateSettings& change = *request.mutable_update_settings();
  change.set_stream_id(id);
  change.set_max_bitrate_kbps(4000);
  limits_ = fail("bus.deadline", "ingest is not there");
  EXPECT_EQ(ask(request)->reply->stream().settings().max_bitrate_kbps(), 4000U);
  change.set_resolution("1280x720");
  change.clear_max_bitrate_kbps();
  const auto second = ask(request)->reply->stream();
  EXPECT_EQ(second.settings().max_bitrate_kbps(), 4000U) << "what is not given stays";
  EXPECT_EQ(second.settings().resolution(), "1280x720");
  ASSERT_EQ(limited_.size(), 2U);
  limits_ = true;
  run();
  access_->tick(now_);
  ASSERT_EQ(limited_.size(), 4U) << "what ingest did not hear is told again, as it is now";
  EXPECT_EQ(limited_[2].resolution, "1280x720");
  access_->tick(now_);
  EXPECT_EQ(limited_.size(), 4U);
  access_->publications().published(live(9, id, 1), now_);  // admitted before the change
  ASSERT_EQ(limited_.size(), 5U);
  EXPECT_EQ(limited_[4].max_bitrate_kbps, 4000U);
  access_->publications().published(live(10, "other", 1), now_);
  EXPECT_EQ(limited_.size(), 5U);
  change.set_stream_id("nobody");
  EXPECT_EQ(ask(request)->reply->error_code(), "auth.unknown_stream");
}

// Its name may be that of another's channel.
TEST_P(StreamCommandsTest, TheStoresStreamIsNotCutWhereOthersDecide) {
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  for (const Decides decides : {Decides::kCallback, Decides::kHooks}) {
    dependencies_.policy.decides = decides;
    bus::v1::Request request;
    request.mutable_regenerate_key()->set_stream_id(stream.record.stream_id);
    EXPECT_EQ(ask(request)->reply->error_code(), "");
    request.mutable_hold_stream()->set_stream_id(stream.record.stream_id);
    request.mutable_hold_stream()->set_cut(true);
    EXPECT_EQ(ask(request)->reply->error_code(), "");
    access_->publications().published(live(1, stream.record.stream_id, 1), now_);
  }
  for (const CloseOrder& order : closed_)
    EXPECT_EQ(order.up_to_epoch, kNoEpoch) << "and none of it is a fence";
}

TEST_P(StreamCommandsTest, AHeldStreamIsCutAndRefusedForAWhile) {
  dependencies_.policy.decides = Decides::kStore;
  dependencies_.policy.hooks = {};
  const OwnedStream stream = decisions_->ensure_stream("alice", WallTime::from_us(1)).value();
  const std::string id = stream.record.stream_id;
  const std::string key(stream.key.reveal());
  const auto may = [&] {
    const auto now = now_.monotonic_us;
    const bool found = decisions_->find_publishable("live", key, "192.0.2.1", now)->has_value();
    EXPECT_EQ(decisions_->authorize_publish("live", key, "192.0.2.1", now)->has_value(), found);
    return found;
  };
  ASSERT_TRUE(may());
  bus::v1::Request request;
  auth::v1::HoldStream& hold = *request.mutable_hold_stream();
  hold.set_stream_id(id);
  hold.set_hold_us(30 * kSecond);
  hold.set_cut(true);
  EXPECT_EQ(ask(request)->reply->stream().stream_id(), id);
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].stream_id, id);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(may()) << "and is no failure of the address";
  now_.monotonic_us += 30 * kSecond;
  EXPECT_TRUE(may());
  now_.monotonic_us -= 30 * kSecond;
  EXPECT_FALSE(may());
  hold.set_hold_us(0);
  hold.set_cut(false);
  (void)ask(request);
  EXPECT_TRUE(may());
  EXPECT_EQ(closed_.size(), 1U);
  hold.set_stream_id(key);
  EXPECT_EQ(ask(request)->reply->error_code(), "auth.unknown_stream") << "named by its id only";
}

INSTANTIATE_TEST_SUITE_P(Over, StreamCommandsTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
