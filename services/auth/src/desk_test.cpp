// The desk over a real database, with stand-ins for hooks and ingest: who gets an epoch, who is told of which
// end.
#include "desk_testing.hpp"

namespace millrace::auth {
namespace {

TEST_P(DeskTest, AnAcceptedPublisherGetsItsChannelASessionAndAGrowingEpoch) {
  const auto first = accepted(1, "chan", "s1");
  EXPECT_EQ(first->reply->authorize_publish().stream_id(), "chan");
  EXPECT_EQ(first->reply->authorize_publish().session_id(), "s1");
  EXPECT_EQ(first->reply->authorize_publish().epoch(), 1U);
  EXPECT_NE(first->reply->authorize_publish().play_tag(), 0U);
  EXPECT_EQ(accepted(2, "chan", "s2")->reply->authorize_publish().epoch(), 2U);
}

TEST_P(DeskTest, ARefusalAnswersNoAndLeavesNothingBehind) {
  const auto inquiry = publish(1, "chan");
  hook_->take().answer(Verdict{});
  run();
  EXPECT_EQ(inquiry->reply->authorize_publish().ByteSizeLong(), 0U);
  tick(120 * kSecond);
  EXPECT_TRUE(hook_->questions.empty());
  const auto silent = publish(2, "chan");
  hook_->take().answer(fail("http.deadline", "no answer"));
  run();
  EXPECT_EQ(silent->reply->error_code(), "auth.hook");
}

TEST_P(DeskTest, OfTwoAtOnceTheLaterOneWinsWhoeverAnswersFirst) {
  const auto early = publish(1, "chan");
  const auto late = publish(2, "chan");
  auto early_question = hook_->take();
  answer(hook_->take(), "late");
  EXPECT_TRUE(late->reply->authorize_publish().allowed());
  answer(std::move(early_question), "early");
  EXPECT_EQ(early->reply->error_code(), "auth.superseded");
  tick(0);
  EXPECT_EQ(stops(), Strings{"early"});
  // The other way round both get an epoch, in order; ingest has the newer one.
  const auto third = publish(3, "other");
  const auto fourth = publish(4, "other");
  hook_->questions.erase(hook_->questions.begin());  // the stop
  answer(hook_->take(), "third");
  answer(hook_->take(), "fourth");
  EXPECT_LT(third->reply->authorize_publish().epoch(), fourth->reply->authorize_publish().epoch());
}

TEST_P(DeskTest, WithoutAnEndToTellTheOrderIsThatOfArrivalTooAndNothingIsKept) {
  hook_->ends = false;
  for (const Decides decides : {Decides::kHooks, Decides::kStore}) {
    outside_.decides = decides;
    const OwnedStream owned = decisions_->ensure_stream("alice", 1).value();
    const std::string key(decides == Decides::kStore ? owned.key.reveal() : "cam");
    const auto early = publish(1, "live", key);
    const auto late = publish(2, "live", key);
    auto early_question = hook_->take();
    answer(hook_->take(), "late");
    EXPECT_TRUE(late->reply->authorize_publish().allowed());
    answer(std::move(early_question), "early");
    EXPECT_EQ(early->reply->error_code(), "auth.superseded")
        << "an encoder is not cut by its own older question";
    desk_->publication_over(2, now_);
    const auto next = publish(3, "live", key);
    answer(hook_->take(), "");
    EXPECT_TRUE(next->reply->authorize_publish().allowed()) << "the later one has gone";
    const auto again = publish(3, "live", key);
    EXPECT_TRUE(again->reply->authorize_publish().allowed());
    EXPECT_TRUE(hook_->questions.empty()) << "asked once";
    EXPECT_TRUE(sessions_->load().value().empty()) << "nobody is owed an end";
    restart();
    EXPECT_TRUE(hook_->questions.empty());
  }
}

TEST_P(DeskTest, TheEndOfALivePublicationIsToldUntilAcknowledged) {
  accepted(1, "chan", "s1");
  desk_->published(live(1, "chan", 1), now_);
  desk_->publication_over(1, now_);
  ASSERT_EQ(stops(), Strings{"s1"});
  hook_->take().answer(fail("http.unreachable", "refused"));
  run();
  tick(5 * kSecond);
  ASSERT_EQ(stops(), Strings{"s1"});
  answer(hook_->take(), "");
  tick(200 * kSecond);
  EXPECT_TRUE(stops().empty());
  restart();
  tick(0);
  EXPECT_TRUE(stops().empty()) << "told and forgotten";
}

TEST_P(DeskTest, AnEndThatWasNotAcknowledgedOutlivesARestart) {
  accepted(1, "chan", "s1");
  desk_->publication_over(1, now_);
  restart();
  tick(0);
  ASSERT_EQ(stops(), Strings{"s1"});
  EXPECT_EQ(hook_->questions.front().visit.name, "key") << "the details came back";
}

TEST_P(DeskTest, WhatIngestDoesNotKnowAfterARestartHasEnded) {
  accepted(1, "one", "s1");
  accepted(2, "two", "s2");
  accepted(3, "three", "s3");
  restart();
  live_.replace({live(2, "two", 1)});
  desk_->snapshot({live(2, "two", 1)}, now_);
  tick(0);
  EXPECT_TRUE(stops().empty()) << "the others may be on their way";
  tick(SessionBook::kUnseenUs + 6 * kSecond);
  EXPECT_EQ(stops().size(), 2U);
  for (const CloseOrder& order : closed_) EXPECT_NE(order.publication_id, 2U);
}

TEST_P(DeskTest, WhatWasLiveAndIsMissingInASnapshotHasEnded) {
  accepted(1, "one", "s1");
  desk_->published(live(1, "one", 1), now_);
  desk_->snapshot({}, now_);
  EXPECT_EQ(stops(), Strings{"s1"});
  desk_->published(live(1, "one", 1), now_);
  ASSERT_EQ(closed_.size(), 1U) << "its end has been told: it must not come back";
  EXPECT_EQ(closed_[0].publication_id, 1U);
}

TEST_P(DeskTest, IngestLostForLongEndsItsPublications) {
  accepted(1, "one", "s1");
  desk_->published(live(1, "one", 1), now_);
  desk_->ingest_lost(now_);
  tick(Desk::kIngestLostUs - kSecond);
  EXPECT_TRUE(stops().empty());
  tick(10 * kSecond);
  EXPECT_EQ(stops(), Strings{"s1"});
}

TEST_P(DeskTest, ADecisionThatComesTooLateIsAnEndAndNoPublication) {
  const auto inquiry = publish(1, "chan");
  inquiry->deadline = 0;
  answer(hook_->take(), "s1");
  EXPECT_TRUE(inquiry->expired);
  tick(0);
  EXPECT_EQ(stops(), Strings{"s1"});
}

TEST_P(DeskTest, AskingAgainForTheSamePublicationAsksNobodyElse) {
  const auto first = accepted(1, "chan", "s1");
  const auto again = publish(1, "chan");
  EXPECT_TRUE(hook_->questions.empty());
  EXPECT_TRUE(again->reply->authorize_publish().allowed());
  EXPECT_EQ(again->reply->authorize_publish().session_id(), "s1");
}

TEST_P(DeskTest, AnAddressThatIsWrongTooOftenIsRefusedWithoutAsking) {
  std::size_t asked = 0;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    const auto inquiry = publish(id, "chan", "wrong");
    if (!hook_->questions.empty()) {
      ++asked;
      hook_->take().answer(Verdict{});
      run();
    }
    EXPECT_EQ(inquiry->reply->authorize_publish().ByteSizeLong(), 0U);
  }
  EXPECT_GE(asked, 20U);
  EXPECT_LE(asked, 40U);
}

TEST_P(DeskTest, PlayersNeedThePublishersKeyOrWaitForIt) {
  const auto waiting = play("chan", "key");
  EXPECT_TRUE(waiting->reply->authorize_play().allowed());
  const auto publisher = accepted(1, "chan", "s1");
  EXPECT_EQ(waiting->reply->authorize_play().play_tag(), publisher->reply->authorize_publish().play_tag());
  EXPECT_TRUE(play("chan", "key")->reply->authorize_play().allowed());
  EXPECT_FALSE(play("chan", "other")->reply->authorize_play().allowed());
  EXPECT_NE(play("empty", "other")->reply->authorize_play().play_tag(),
            publisher->reply->authorize_publish().play_tag());
}

// One rule whoever decides: a private stream needs its publisher's key where there is one, or a playback
// token.
TEST_P(DeskTest, APrivateStreamIsClosedToPlayersWhoeverDecidesAboutPublishers) {
  decisions_->take_tokens([](std::string_view token, std::string_view stream_id, std::string_view peer) {
    return token == "good" && stream_id == "cam" && peer == "192.0.2.1";
  });
  const auto asks = [this](const std::string& app, const std::string& name, const std::string& query) {
    bus::v1::Request request;
    auth::v1::AuthorizePlay& ask_play = *request.mutable_authorize_play();
    ask_play.set_app(app);
    ask_play.set_name(name);
    ask_play.set_query(query);
    ask_play.set_peer_address("192.0.2.1");
    return ask(request)->reply->authorize_play();
  };
  bus::v1::Request change;
  change.mutable_set_private()->set_stream_id("cam");
  change.mutable_set_private()->set_is_private(true);

  outside_.decides = Decides::kHooks;
  EXPECT_TRUE(asks("live", "cam", "").allowed());
  EXPECT_EQ(asks("live", "cam", "").play_tag(), 0U);
  const auto was_there = asks("live", "cam", "token=good");
  const auto open = publish(1, "live", "cam");
  answer(hook_->take(), "");
  EXPECT_EQ(open->reply->authorize_publish().play_tag(), 0U) << "open to all of them";
  EXPECT_TRUE(ask(change)->reply->stream().is_private());
  ASSERT_EQ(closed_.size(), 1U) << "begins again under the new rule";
  const auto closed = publish(2, "live", "cam");
  answer(hook_->take(), "");
  EXPECT_TRUE(closed->reply->authorize_publish().is_private());
  EXPECT_NE(closed->reply->authorize_publish().play_tag(), 0U) << "who came without a token is sent away";
  EXPECT_EQ(was_there.play_tag(), closed->reply->authorize_publish().play_tag()) << "who had one stays";
  EXPECT_FALSE(asks("live", "cam", "").allowed());
  EXPECT_FALSE(asks("live", "cam", "key=cam").allowed());
  EXPECT_FALSE(asks("live", "cam", "token=bad").allowed());
  EXPECT_FALSE(asks("other", "cam", "token=good").allowed());
  EXPECT_TRUE(asks("live", "cam", "token=good").allowed());
  EXPECT_EQ(asks("live", "cam", "x=1&token=good").play_tag(), was_there.play_tag());
  EXPECT_TRUE(asks("live", "other", "").allowed()) << "another one is as it was";
  outside_.private_by_default = true;
  EXPECT_FALSE(asks("live", "another", "").allowed()) << "also one that nobody has published yet";

  outside_.decides = Decides::kCallback;
  const auto publisher = accepted(3, "cam", "s1")->reply->authorize_publish();
  EXPECT_TRUE(publisher.is_private());
  EXPECT_EQ(asks("cam", "key", "").play_tag(), publisher.play_tag());
  EXPECT_FALSE(asks("cam", "cam", "").allowed());
  EXPECT_FALSE(asks("cam", "cam", "token=bad").allowed());
  EXPECT_EQ(asks("cam", "cam", "token=good").play_tag(), publisher.play_tag())
      << "a token stands for the key";
}

TEST_P(DeskTest, AFlagIsTheChannelsAlsoWhereTheStoreHasAStreamOfTheName) {
  const std::string id = decisions_->ensure_stream("alice", 1)->record.stream_id;
  outside_.decides = Decides::kHooks;
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

// Whoever shows the media log may have started after it was published last.
TEST_P(DeskTest, PublishesAgainAfterARestartWhatIsPrivate) {
  using Told = std::vector<std::pair<std::string, bool>>;
  Told told;
  outside_.visibility = [&told](const std::string& id, bool is_private) {
    told.emplace_back(id, is_private);
  };
  const OwnedStream hidden = decisions_->ensure_stream("alice", 1).value();
  const OwnedStream open = decisions_->ensure_stream("bob", 1).value();
  const OwnedStream never_live = decisions_->ensure_stream("carol", 1).value();
  for (const OwnedStream& stream : {hidden, open}) {
    ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  }
  const auto make = [this](const std::string& id, bool is_private) {
    bus::v1::Request change;
    change.mutable_set_private()->set_stream_id(id);
    change.mutable_set_private()->set_is_private(is_private);
    EXPECT_TRUE(ask(change)->reply->has_stream());
  };
  outside_.decides = Decides::kStore;
  make(hidden.record.stream_id, true);
  make(never_live.record.stream_id, true);
  told.clear();
  restart();
  EXPECT_EQ(told, (Told{{hidden.record.stream_id, true}}));

  std::uint64_t id = 0;
  for (const Decides decides : {Decides::kCallback, Decides::kHooks}) {
    outside_.decides = decides;
    restart();
    const bool callback = decides == Decides::kCallback;
    for (const char* channel : {"cam", "other"}) {
      publish(++id, callback ? channel : "live", callback ? "key" : channel);
      ASSERT_EQ(hook_->questions.size(), 1U);
      answer(hook_->take(), "s" + std::to_string(id));
    }
    make("cam", true);
    told.clear();
    restart();
    EXPECT_EQ(told, (Told{{"cam", true}})) << "by the channels alone";
    make("cam", false);
    told.clear();
    restart();
    EXPECT_TRUE(told.empty());
  }
}

TEST_P(DeskTest, PublishesABanNowAndAgainAfterARestart) {
  using Told = std::vector<std::pair<std::string, bool>>;
  Told told;
  outside_.bar = [&told](const std::string& id, bool is_barred) { told.emplace_back(id, is_barred); };
  const auto ban = [this](const std::string& id, bool banned) {
    bus::v1::Request change;
    change.mutable_set_banned()->set_stream_id(id);
    change.mutable_set_banned()->set_banned(banned);
    EXPECT_TRUE(ask(change)->reply->has_stream());
  };
  const OwnedStream stream = decisions_->ensure_stream("alice", 1).value();
  ASSERT_TRUE(decisions_->admit("live", stream.key.reveal()).value());
  accepted(1, "chan", "s1");
  const struct {
    Decides decides;
    std::string id;
  } table[] = {{Decides::kStore, stream.record.stream_id}, {Decides::kCallback, "chan"}};
  for (const auto& row : table) {
    outside_.decides = row.decides;
    restart();
    EXPECT_TRUE(told.empty());
    ban(row.id, true);
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, true}}));
    restart();
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, true}}));
    ban(row.id, false);
    EXPECT_EQ(std::exchange(told, {}), (Told{{row.id, false}}));
    restart();
    EXPECT_TRUE(told.empty());
  }
}

TEST_P(DeskTest, HooksHearOfThePlayersThatTheyLetIn) {
  hook_->plays = true;
  accepted(1, "chan", "s1");
  const auto player = play("chan", "key");
  EXPECT_FALSE(player->reply);
  answer(hook_->take(), "");
  EXPECT_TRUE(player->reply->authorize_play().report_end());
  desk_->play_over(77, now_);
  desk_->play_over(77, now_);
  ASSERT_EQ(hook_->questions.size(), 1U);
  EXPECT_EQ(hook_->questions.front().occasion, Occasion::kStop);
  answer(hook_->take(), "");
  desk_->play_over(77, now_);
  EXPECT_TRUE(hook_->questions.empty());
}

TEST_P(DeskTest, ABannedChannelIsNotEvenAskedFor) {
  bus::v1::Request ban;
  ban.mutable_set_banned()->set_stream_id("chan");
  ban.mutable_set_banned()->set_banned(true);
  accepted(1, "chan", "s1");
  EXPECT_TRUE(ask(ban)->reply->stream().banned());
  ASSERT_EQ(closed_.size(), 1U);
  EXPECT_EQ(closed_[0].stream_id, "chan");
  EXPECT_EQ(closed_[0].up_to_epoch, 1U);
  const auto refused = publish(2, "chan");
  EXPECT_TRUE(hook_->questions.empty());
  EXPECT_FALSE(refused->reply->authorize_publish().allowed());
  EXPECT_FALSE(play("chan", "key")->reply->authorize_play().allowed());
}

TEST_P(DeskTest, ARevokedPublicationIsCutWheneverItTurnsUp) {
  outside_.decides = Decides::kStore;
  outside_.hooks = {};
  const OwnedStream stream = decisions_->ensure_stream("alice", 1).value();
  const std::string id = stream.record.stream_id;
  ASSERT_EQ(decisions_->admit("live", stream.key.reveal()).value()->epoch, 1U);
  bus::v1::Request request;
  request.mutable_regenerate_key()->set_stream_id(id);
  closes_ = fail("bus.deadline", "ingest is not there");
  const auto inquiry = ask(request);
  EXPECT_EQ(inquiry->reply->stream().key().size(), 35U);
  EXPECT_NE(inquiry->reply->stream().key(), stream.key.reveal());
  EXPECT_FALSE(decisions_->admit("live", stream.key.reveal()).value());
  const auto fresh = decisions_->admit("live", inquiry->reply->stream().key()).value();
  ASSERT_TRUE(fresh);
  closed_.clear();
  desk_->published(live(9, id, 1), now_);  // was on its way
  EXPECT_EQ(closed_.size(), 1U);
  desk_->published(live(10, id, fresh->epoch), now_);
  EXPECT_EQ(closed_.size(), 1U) << "the new key's publication lives";
  request.mutable_regenerate_key()->set_subject("mallory");
  EXPECT_EQ(ask(request)->reply->error_code(), "auth.unknown_stream");
}

TEST_P(DeskTest, ChangedSettingsReachWhoeverIsLiveOrTurnsUp) {
  const std::string id = decisions_->ensure_stream("alice", 1)->record.stream_id;
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
  desk_->tick(now_);
  ASSERT_EQ(limited_.size(), 4U) << "what ingest did not hear is told again, as it is now";
  EXPECT_EQ(limited_[2].resolution, "1280x720");
  desk_->tick(now_);
  EXPECT_EQ(limited_.size(), 4U);
  desk_->published(live(9, id, 1), now_);  // admitted before the change
  ASSERT_EQ(limited_.size(), 5U);
  EXPECT_EQ(limited_[4].max_bitrate_kbps, 4000U);
  desk_->published(live(10, "other", 1), now_);
  EXPECT_EQ(limited_.size(), 5U);
  change.set_stream_id("nobody");
  EXPECT_EQ(ask(request)->reply->error_code(), "auth.unknown_stream");
}

TEST_P(DeskTest, AHeldStreamIsCutAndRefusedForAWhile) {
  outside_.decides = Decides::kStore;
  outside_.hooks = {};
  const OwnedStream stream = decisions_->ensure_stream("alice", 1).value();
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

TEST_P(DeskTest, OrdersNameAChannelAndASession) {
  accepted(1, "chan", "s1");
  live_.replace({live(0x1f, "other", 4)});
  desk_->close_channel("chan", "", now_);
  desk_->close_channel("chan", "*", now_);
  ASSERT_EQ(closed_.size(), 2U);
  EXPECT_EQ(closed_[1].publication_id, 0U);
  desk_->close_channel("chan", "s1", now_);
  desk_->close_channel("other", "000000000000001f", now_);
  ASSERT_EQ(closed_.size(), 4U);
  EXPECT_EQ(closed_[2].publication_id, 1U);
  EXPECT_EQ(closed_[3].publication_id, 0x1fU);
  desk_->close_channel("chan", "s2", now_);
  desk_->close_channel("other", "s1", now_);
  EXPECT_EQ(closed_.size(), 4U) << "no such session";
}

INSTANTIATE_TEST_SUITE_P(Over, DeskTest, testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
