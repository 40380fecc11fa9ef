#include "viewers/playback_handler.hpp"

#include <gtest/gtest.h>

#include "store/test_database.hpp"
#include "streams/decisions.hpp"
#include "streams/stream_repository.hpp"

namespace millrace::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

class Asked final : public PendingRequest {
 public:
  explicit Asked(bus::v1::Request request) : request_(std::move(request)) {}
  const bus::v1::Request& request() const override { return request_; }
  std::int64_t deadline_us() const override { return INT64_MAX; }
  void answer(bus::v1::Reply reply) override { reply_ = std::move(reply); }
  void expire() override {}
  const bus::v1::Reply& reply() const { return reply_; }

 private:
  bus::v1::Request request_;
  bus::v1::Reply reply_;
};

class PlaybackHandlerTest : public store::DatabaseTest {
 protected:
  PlaybackHandlerTest() {
    dependencies_.keys = playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef")).value();
    dependencies_.publish = [this](const bus::v1::Event& event) { published_.push_back(event); };
    stream_ = decisions_.ensure_stream("alice", WallTime::from_us(1)).value().record.stream_id;
    restart();
  }
  void restart() {
    handler_ = std::make_unique<PlaybackHandler>(viewers_, vault_, dependencies_);
    ASSERT_TRUE(handler_->open(now_));
  }
  bus::v1::Reply ask(const bus::v1::Request& request) {
    const auto asked = std::make_shared<Asked>(request);
    EXPECT_TRUE(handler_->handle(asked, now_));
    return asked->reply();
  }
  v1::Viewer create(std::uint32_t devices, WallTime expires = {}) {
    bus::v1::Request request;
    request.mutable_create_viewer()->set_stream_id(stream_);
    request.mutable_create_viewer()->set_label("club");
    request.mutable_create_viewer()->set_max_devices(devices);
    request.mutable_create_viewer()->set_expires_wall_us(expires.us());
    return ask(request).viewer();
  }
  v1::PlaybackGrant redeem(const std::string& key, const std::string& device, bool release = false,
                           const std::string& stream = "", const std::string& peer = "192.0.2.1") {
    bus::v1::Request request;
    v1::RedeemViewerKey& redeem = *request.mutable_redeem_viewer_key();
    redeem.set_stream_id(stream.empty() ? stream_ : stream);
    redeem.set_viewer_key(key);
    redeem.set_device(device);
    redeem.set_release(release);
    redeem.set_peer_address(peer);
    return ask(request).playback_grant();
  }
  std::string revoke(const std::string& viewer_id) {
    bus::v1::Request request;
    request.mutable_revoke_viewer()->set_stream_id(stream_);
    request.mutable_revoke_viewer()->set_viewer_id(viewer_id);
    return ask(request).error_code();
  }
  v1::ViewerList list() {
    bus::v1::Request request;
    request.mutable_list_viewers()->set_stream_id(stream_);
    return ask(request).viewer_list();
  }
  bool opens(const std::string& token) {
    return may_play(dependencies_, token, stream_, "192.0.2.1:5000", now_.wall);
  }
  void later(std::int64_t seconds) {
    now_.monotonic_us += seconds * kSecond;
    now_.wall += seconds * kSecond;
    handler_->tick(now_);
  }

  KeyVault vault_ = KeyVault::create(Secret("0123456789abcdef0123456789abcdef")).value();
  StreamRepository repository_ = StreamRepository::open(database_.options(), vault_).value();
  Decisions decisions_{repository_, vault_, DecisionLimits{}};
  ViewerRepository viewers_{repository_.database()};
  PlaybackDependencies dependencies_;
  std::unique_ptr<PlaybackHandler> handler_;
  std::vector<bus::v1::Event> published_;
  Now now_{.monotonic_us = 1000 * kSecond, .wall = WallTime::from_seconds(1'700'000'000)};
  std::string stream_;
};

TEST_P(PlaybackHandlerTest, LetsSoManyDevicesWatchAtATime) {
  const v1::Viewer viewer = create(2);
  EXPECT_TRUE(viewer.key().starts_with("vk_"));
  const v1::PlaybackGrant phone = redeem(viewer.key(), "phone");
  const v1::PlaybackGrant screen = redeem(viewer.key(), "screen");
  EXPECT_TRUE(phone.granted() && screen.granted());
  EXPECT_EQ(phone.expires_wall_us(), (now_.wall + 300 * kSecond).us());
  EXPECT_TRUE(opens(phone.token()));
  EXPECT_TRUE(redeem(viewer.key(), "tablet").device_limit());
  EXPECT_TRUE(redeem(viewer.key(), "phone").granted()) << "the same device again";
  EXPECT_EQ(list().viewers(0).active_devices(), 2U);
  restart();
  EXPECT_TRUE(redeem(viewer.key(), "tablet").device_limit()) << "a restart forgets no device";
  later(200);
  EXPECT_TRUE(redeem(viewer.key(), "screen").granted());
  later(101);
  EXPECT_TRUE(redeem(viewer.key(), "tablet").granted()) << "the phone did not renew";
  EXPECT_FALSE(opens(phone.token()));
  EXPECT_TRUE(redeem(viewer.key(), "phone").device_limit());
}

TEST_P(PlaybackHandlerTest, GivesADevicesPlaceToAnotherAndItsTokenNothing) {
  const v1::Viewer viewer = create(1);
  const std::string first = redeem(viewer.key(), "phone").token();
  EXPECT_TRUE(redeem(viewer.key(), "phone", true).granted());
  EXPECT_FALSE(opens(first));
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_NE(published_[0].playback_revoked().lease(), 0U);
  const v1::PlaybackGrant again = redeem(viewer.key(), "phone");
  EXPECT_TRUE(opens(again.token())) << "in the same second";
  EXPECT_TRUE(redeem(viewer.key(), "phone", true).granted());
  EXPECT_TRUE(redeem(viewer.key(), "other").granted());
}

TEST_P(PlaybackHandlerTest, TakesAViewerKeyBackForGood) {
  const v1::Viewer viewer = create(5);
  const v1::Viewer other = create(1);
  const std::string token = redeem(viewer.key(), "phone").token();
  const std::string kept = redeem(other.key(), "phone").token();
  EXPECT_EQ(revoke(viewer.viewer_id()), "");
  EXPECT_EQ(revoke(viewer.viewer_id()), "auth.unknown_viewer");
  EXPECT_EQ(revoke("0"), "auth.unknown_viewer");
  EXPECT_FALSE(redeem(viewer.key(), "phone").granted());
  EXPECT_FALSE(opens(token));
  EXPECT_TRUE(opens(kept));
  EXPECT_EQ(list().viewers_size(), 1);
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_EQ(published_[0].playback_revoked().lease(), 0U);
  published_.clear();
  restart();
  ASSERT_EQ(published_.size(), 1U) << "published again after a restart";
  EXPECT_FALSE(published_[0].retracted());
  later(400);
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_TRUE(published_[1].retracted()) << "no token of it can live any more";
  published_.clear();
  restart();
  EXPECT_TRUE(published_.empty());
}

TEST_P(PlaybackHandlerTest, GivesEveryWrongKeyTheSameAnswerAndMakesGuessersWait) {
  const v1::Viewer viewer = create(1);
  const v1::Viewer short_lived = create(1, now_.wall + 10 * kSecond);
  EXPECT_EQ(redeem(short_lived.key(), "phone").expires_wall_us(), (now_.wall + 10 * kSecond).us());
  later(11);
  const std::pair<std::string, std::string> wrong[] = {{"vk_00000000000000000000000000000000", ""},
                                                       {"", ""},
                                                       {short_lived.key(), ""},
                                                       {viewer.key(), "otherstream"},
                                                       {std::string(5000, 'x'), ""}};
  for (const auto& [key, stream] : wrong) {
    const v1::PlaybackGrant grant = redeem(key, "phone", false, stream);
    EXPECT_EQ(grant.ByteSizeLong(), 0U) << key.substr(0, 40);
  }
  for (int i = 0; i < 30; ++i) redeem("vk_guess" + std::to_string(i), "phone");
  EXPECT_TRUE(redeem(viewer.key(), "phone").wait());
  EXPECT_TRUE(redeem(viewer.key(), "phone", false, "", "192.0.2.2").granted()) << "another address";
  ASSERT_TRUE(decisions_.set_banned(stream_, true));
  EXPECT_FALSE(redeem(viewer.key(), "phone", false, "", "192.0.2.3").granted());
}

TEST_P(PlaybackHandlerTest, KeepsNeitherKeysNorDevicesReadable) {
  const v1::Viewer viewer = create(1);
  redeem(viewer.key(), "device-of-alice");
  EXPECT_EQ(list().viewers(0).key(), "");
  const std::string key = viewer.key();
  const std::string text = database_.bytes_on_disk();
  EXPECT_NE(text.find("club"), std::string::npos) << "what is there is found";
  EXPECT_EQ(text.find(key.substr(3)), std::string::npos);
  EXPECT_EQ(text.find("device-of-alice"), std::string::npos);
}

TEST_P(PlaybackHandlerTest, SignsForOwnersWithinBounds) {
  const auto sign = [&](std::int64_t seconds, const std::string& network) {
    bus::v1::Request request;
    request.mutable_sign_playback()->set_stream_id(stream_);
    request.mutable_sign_playback()->set_lifetime_seconds(seconds);
    request.mutable_sign_playback()->set_network(network);
    return ask(request);
  };
  EXPECT_EQ(sign(0, "").playback_grant().expires_wall_us(), (now_.wall + 3600 * kSecond).us());
  EXPECT_EQ(sign(1'000'000, "").playback_grant().expires_wall_us(), (now_.wall + 86'400 * kSecond).us());
  const std::string bound = sign(60, "192.0.2.0/24").playback_grant().token();
  EXPECT_TRUE(opens(bound));
  EXPECT_TRUE(may_play(dependencies_, bound, stream_, "[::ffff:192.0.2.9]:5000", now_.wall));
  EXPECT_FALSE(may_play(dependencies_, bound, stream_, "198.51.100.1:5000", now_.wall));
  EXPECT_FALSE(may_play(dependencies_, bound, "other", "192.0.2.1:5000", now_.wall));
  EXPECT_EQ(sign(60, "nonsense").error_code(), "auth.playback_request");
  dependencies_.keys = playback::TokenKeys::create(Secret()).value();
  EXPECT_EQ(sign(60, "").error_code(), "auth.playback_off");
}

TEST_P(PlaybackHandlerTest, BoundsTheViewersOfAStream) {
  for (int i = 0; i < ViewerRepository::kMaxViewers; ++i) ASSERT_NE(create(1).key(), "");
  EXPECT_EQ(create(1).key(), "");
  EXPECT_EQ(list().viewers_size(), ViewerRepository::kMaxViewers);
}

// RTMP players of a private stream, by name and token.
TEST_P(PlaybackHandlerTest, OpensAPrivateStreamToPlayersWithAToken) {
  decisions_.take_tokens([this](std::string_view token, std::string_view stream_id, std::string_view peer) {
    return may_play(dependencies_, token, stream_id, peer, now_.wall);
  });
  ASSERT_TRUE(decisions_.set_private(stream_, true));
  const std::string token = redeem(create(1).key(), "phone").token();
  const auto play = [&](const std::string& app, const std::string& name, const std::string& with) {
    return decisions_.authorize_play(app, name, "", "192.0.2.1:5000", now_.monotonic_us, with).value();
  };
  ASSERT_TRUE(play("live", stream_, token));
  EXPECT_NE(play("live", stream_, token)->play_tag, 0U);
  EXPECT_TRUE(play(stream_, stream_, token));
  EXPECT_FALSE(play("live", stream_, ""));
  EXPECT_FALSE(play("live", stream_, token + "A"));
  EXPECT_FALSE(play("other", stream_, token));
  EXPECT_FALSE(play("live", "other", token));
  ASSERT_TRUE(decisions_.set_banned(stream_, true));
  EXPECT_FALSE(play("live", stream_, token));
}

TEST_P(PlaybackHandlerTest, OpensNothingOfABarredStream) {
  const std::string key = create(1).key();
  const std::string token = redeem(key, "phone").token();
  ASSERT_TRUE(may_play(dependencies_, token, stream_, "192.0.2.1:5000", now_.wall));
  dependencies_.revocations.set_barred(stream_, true);
  EXPECT_FALSE(may_play(dependencies_, token, stream_, "192.0.2.1:5000", now_.wall));
  EXPECT_FALSE(redeem(key, "phone").granted());
  EXPECT_TRUE(redeem(key, "phone", true).granted()) << "a device may still be released";
  dependencies_.revocations.set_barred(stream_, false);
  EXPECT_TRUE(redeem(key, "phone").granted());
}

INSTANTIATE_TEST_SUITE_P(Databases, PlaybackHandlerTest, ::testing::ValuesIn(store::database_kinds()),
                         store::DatabaseTest::name);

}  // namespace
}  // namespace millrace::auth
