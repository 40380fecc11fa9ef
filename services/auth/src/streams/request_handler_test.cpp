#include "streams/request_handler.hpp"

#include <gtest/gtest.h>

#include "bus/v1/bus.pb.h"
#include "identities/jose.hpp"

namespace millrace::auth {
namespace {

// One stream "one" with the key "good"; the database can be made to fail.
class OneStream : public StreamStore {
 public:
  explicit OneStream(const KeyVault& vault) : vault_(vault) {
    record.stream_id = "one";
    record.subject = "alice";
    record.key_sealed = vault.seal(Secret("good"), "one");
    record.settings = {.quality = "high", .max_bitrate_kbps = 6000, .resolution = "1080p"};
  }
  Result<std::optional<Admission>> admit_publication(const std::string& lookup, const std::string&) override {
    if (broken) return fail("store.busy", "locked");
    if (lookup != vault_.lookup("good")) return std::optional<Admission>();
    return std::optional(Admission{"one", Epoch{7}, record.settings});
  }
  Result<std::optional<std::string>> find_publishable(const std::string&, const std::string&) override {
    return std::optional<std::string>();
  }
  Result<std::optional<Playable>> find_playable(const PlayName& name, const std::string&) override {
    return name.name == "one" ? std::optional(Playable{name.name, vault_.lookup("good")}) : std::nullopt;
  }
  Result<StreamRecord> ensure(const StreamRecord&) override { return record; }
  Result<std::optional<StreamRecord>> find(const std::string& name, const std::string&) override {
    return name == "one" ? std::optional(record) : std::nullopt;
  }
  Result<std::vector<StreamRecord>> list(const std::string&) override { return std::vector{record}; }
  Result<std::optional<StreamRecord>> set_banned(const std::string&, bool) override {
    return std::optional(record);
  }
  Result<std::optional<StreamRecord>> set_private(const std::string&, bool) override {
    return std::optional(record);
  }
  Result<std::optional<StreamRecord>> update_settings(const std::string&, const SettingsChange&) override {
    return std::optional(record);
  }
  Result<std::vector<std::string>> list_private(std::size_t) override { return std::vector<std::string>(); }
  Result<std::vector<std::string>> list_barred(std::size_t) override { return std::vector<std::string>(); }
  Result<std::vector<RevokedStream>> list_revoked(std::size_t) override {
    return std::vector<RevokedStream>();
  }
  Result<void> raise_epochs(std::span<const LivePublication>) override { return {}; }
  Result<std::optional<StreamRecord>> replace_key(const std::string&, const std::string&, const std::string&,
                                                  const std::string&) override {
    return std::optional(record);
  }

  StreamRecord record;
  bool broken = false;

 private:
  const KeyVault& vault_;
};

class Requests : public testing::Test {
 protected:
  static constexpr Now kNow{.monotonic_us = 1, .wall = WallTime::from_us(1'800'000'000'000'000)};

  bus::v1::Reply answer(const bus::v1::Request& request) { return handler_.answer(request, kNow); }
  bus::v1::Reply publish(const std::string& key) {
    bus::v1::Request request;
    request.mutable_authorize_publish()->set_app("live");
    request.mutable_authorize_publish()->set_key(key);
    return answer(request);
  }

  KeyVault vault_ = KeyVault::create(Secret(std::string(32, 's'))).value();
  TokenVerifier tokens_ = TokenVerifier::create(Secret(std::string(32, 't'))).value();
  OneStream store_{vault_};
  Decisions decisions_{store_, vault_, {}};
  RequestHandler handler_{decisions_};
};

TEST_F(Requests, AuthorizePublishTellsStreamEpochAndSettings) {
  const bus::v1::Reply reply = publish("good");
  EXPECT_TRUE(reply.authorize_publish().allowed());
  EXPECT_EQ(reply.authorize_publish().stream_id(), "one");
  EXPECT_EQ(reply.authorize_publish().epoch(), 7U);
  EXPECT_EQ(reply.authorize_publish().settings().max_bitrate_kbps(), 6000U);
}

TEST_F(Requests, ARefusalIsAnAnswerAndTellsNothing) {
  const bus::v1::Reply reply = publish("bad");
  ASSERT_TRUE(reply.has_authorize_publish());
  EXPECT_TRUE(reply.error_code().empty());
  EXPECT_EQ(reply.authorize_publish().ByteSizeLong(), 0U);
}

TEST_F(Requests, ADatabaseThatFailsIsAnErrorAndNotARefusal) {
  store_.broken = true;
  const bus::v1::Reply reply = publish("good");
  EXPECT_EQ(reply.error_code(), "store.busy");
  EXPECT_FALSE(reply.has_authorize_publish());
}

TEST_F(Requests, AuthorizePlayTellsThePublicId) {
  bus::v1::Request request;
  request.mutable_authorize_play()->set_name("one");
  EXPECT_TRUE(answer(request).authorize_play().allowed());
  EXPECT_EQ(answer(request).authorize_play().stream_id(), "one");
  request.mutable_authorize_play()->set_name("two");
  EXPECT_FALSE(answer(request).authorize_play().allowed());
  EXPECT_TRUE(answer(request).has_authorize_play());
}

TEST_F(Requests, KeysAreShownToTheirOwnerOnly) {
  bus::v1::Request request;
  request.mutable_ensure_stream()->set_subject("alice");
  EXPECT_EQ(answer(request).stream().key(), "good");
  request.mutable_list_streams()->set_subject("alice");
  EXPECT_EQ(answer(request).stream_list().streams(0).key(), "good");
  request.mutable_list_streams()->clear_subject();
  EXPECT_EQ(answer(request).stream_list().streams(0).key(), "");
  request.mutable_get_stream()->set_name("one");
  EXPECT_EQ(answer(request).stream().key(), "");
  EXPECT_EQ(answer(request).stream().subject(), "alice");
  request.mutable_get_stream()->set_with_key(true);
  EXPECT_EQ(answer(request).stream().key(), "good");
  request.mutable_get_streams()->add_stream_ids("one");
  request.mutable_get_streams()->add_stream_ids("nobody");
  ASSERT_EQ(answer(request).stream_list().streams_size(), 1);
  EXPECT_EQ(answer(request).stream_list().streams(0).subject(), "alice");
  EXPECT_EQ(answer(request).stream_list().streams(0).key(), "");
  request.mutable_get_streams()->set_with_keys(true);
  EXPECT_EQ(answer(request).stream_list().streams(0).key(), "good");
  for (int i = 0; i < 1000; ++i) request.mutable_get_streams()->add_stream_ids("one");
  EXPECT_LE(answer(request).stream_list().streams_size(), 500);
}

TEST_F(Requests, VerifyTokenSaysWhoseItIs) {
  bus::v1::Request request;
  AccessView access;
  request.mutable_verify_token()->set_token(tokens_.issue("alice", kNow.wall)->reveal());
  EXPECT_EQ(verify_token(tokens_, access, request, kNow).error_code(), "store.unavailable")
      << "before anybody knows what was taken back";
  access.load({}, {});
  EXPECT_TRUE(verify_token(tokens_, access, request, kNow).verify_token().valid());
  EXPECT_EQ(verify_token(tokens_, access, request, kNow).verify_token().subject(), "alice");
  EXPECT_EQ(verify_token(tokens_, access, request, kNow).verify_token().expires_wall_us(),
            (1'800'000'000 + kTokenLifeSeconds + kTokenLeewaySeconds) * 1'000'000);
  access.revoke({"alice", kNow.wall});
  EXPECT_FALSE(verify_token(tokens_, access, request, kNow).verify_token().valid());
  request.mutable_verify_token()->set_token("a.b.c");
  EXPECT_TRUE(verify_token(tokens_, access, request, kNow).has_verify_token());
  EXPECT_FALSE(verify_token(tokens_, access, request, kNow).verify_token().valid());
}

TEST_F(Requests, ErrorsHaveACode) {
  bus::v1::Request request;
  request.mutable_get_stream()->set_name("none");
  EXPECT_EQ(answer(request).error_code(), "auth.unknown_stream");
  request.mutable_ensure_stream();
  EXPECT_EQ(answer(request).error_code(), "auth.subject");
  request.mutable_close_stream();
  EXPECT_EQ(answer(request).error_code(), "auth.unsupported");
  EXPECT_EQ(answer({}).error_code(), "auth.unsupported");
}

}  // namespace
}  // namespace millrace::auth
