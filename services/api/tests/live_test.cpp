// The live feed without sockets: what a client sees of the board, and what its events do.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine_session.hpp"
#include "live_board.hpp"
#include "live_client.hpp"

namespace millrace::api {
namespace {

using nlohmann::json;

MetricsFeed::Numbers stream(const std::string& id, double kbps = 1000, bool is_private = false,
                            bool live = true) {
  metrics::v1::StreamMetrics numbers;
  numbers.set_stream_id(id);
  numbers.set_live(live);
  numbers.set_bitrate_kbps(kbps);
  numbers.set_is_private(is_private);
  numbers.set_width(1280);
  numbers.set_height(720);
  numbers.set_updated_wall_us(1'700'000'000'123'456);
  return std::make_shared<const metrics::v1::StreamMetrics>(numbers);
}

class Live : public ::testing::Test {
 protected:
  Live() {
    watching_.set_complete();
    shared_->wall_now = [this] { return wall_; };
    shared_->monotonic_us = [this] { return now_us_; };
    shared_->ask_auth = [this](const bus::v1::Request& request, const auto& handler) {
      ++questions_;
      if (silent_) return held_.push_back([handler] { handler(fail("bus.deadline")); });
      handler(auth(request));
    };
  }

  // "good-<name>" is the token of <name>, whose stream is "<name>-id" with the key "sk_<name>".
  Result<bus::v1::Reply> auth(const bus::v1::Request& request) {
    bus::v1::Reply reply;
    if (request.has_verify_token()) {
      const std::string& token = request.verify_token().token();
      auto& answer = *reply.mutable_verify_token();
      answer.set_valid(token.starts_with("good-") && !revoked_);
      answer.set_subject(token.starts_with("good-") ? token.substr(5) : "");
      answer.set_role(token == "good-root" ? auth::v1::ROLE_ADMIN : auth::v1::ROLE_USER);
      answer.set_expires_wall_us(expires_wall_.us());
      return reply;
    }
    if (request.has_list_streams()) {
      describe(request.list_streams().subject(), *reply.mutable_stream_list()->add_streams());
      reply.mutable_stream_list()->mutable_streams(0)->set_key("sk_" + request.list_streams().subject() +
                                                               key_suffix_);
      return reply;
    }
    std::string name = request.get_stream().name();
    if (name.starts_with("sk_")) name = name.substr(3) + "-id";
    if (!name.ends_with("-id")) return fail("auth.unknown_stream");
    describe(name.substr(0, name.size() - 3), *reply.mutable_stream());
    return reply;
  }
  static void describe(const std::string& subject, auth::v1::Stream& stream) {
    stream.set_subject(subject);
    stream.set_stream_id(subject + "-id");
    stream.set_is_private(subject == "secret");
  }

  std::shared_ptr<LiveClient> client(LiveProtocol protocol = LiveProtocol::kPlain) {
    auto made = std::make_shared<LiveClient>(shared_, protocol);
    made->join();
    return made;
  }
  void update(const std::vector<MetricsFeed::Numbers>& streams) { shared_->board.update(streams, now_us_); }
  // Everything that waits for the client.
  static std::vector<json> take(LiveClient& client) {
    std::vector<json> all;
    std::optional<http::WebSocketClose> close;
    while (const LiveText text = client.next(close)) all.push_back(json::parse(*text));
    if (close) all.push_back(static_cast<int>(*close));
    return all;
  }
  static std::vector<std::string> keys(LiveClient& client) {
    std::vector<std::string> all;
    for (const json& each : take(client)) {
      if (each.is_object() && each["event"] == "metricsUpdate") all.push_back(each["data"]["streamKey"]);
    }
    return all;
  }
  static void say(LiveClient& client, const char* event, const json& data) {
    client.handle(event, data, std::nullopt);
  }
  static std::string code(LiveClient& client) {
    const auto all = take(client);
    if (all.empty() || !all.back().is_object()) return "";
    return all.back()["event"] == "error" ? all.back()["data"]["code"] : all.back()["event"];
  }
  using Keys = std::vector<std::string>;

  std::int64_t now_us_ = 1'000'000;
  WallTime wall_ = WallTime::from_us(1'700'000'000'000'000);
  WallTime expires_wall_ = wall_ + 3'600'000'000;
  bool revoked_ = false;
  bool silent_ = false;
  std::string key_suffix_;
  std::size_t questions_ = 0;
  std::vector<std::function<void()>> held_;
  playback::Revocations watching_;
  std::shared_ptr<LiveShared> shared_ = std::make_shared<LiveShared>(watching_);
};

TEST_F(Live, AnybodySeesEveryPublicStreamWithTheDocumentedMembers) {
  const auto anybody = client();
  update({stream("one-id", 2500.4), stream("secret-id", 1, true)});
  const auto seen = take(*anybody);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0]["event"], "metricsUpdate");
  const json& data = seen[0]["data"];
  EXPECT_EQ(data["streamKey"], "one-id");
  EXPECT_EQ(data["bitrate"], 2500);
  EXPECT_EQ(data["bandwidth"], 3000);
  EXPECT_EQ(data["latency"], 0);
  EXPECT_EQ(data["lastUpdated"], 1'700'000'000'123);
  EXPECT_EQ(data["resolution"], "1280x720");
  EXPECT_EQ(data["isLive"], true);
  EXPECT_TRUE(take(*anybody).empty());
}

TEST_F(Live, ASlowClientGetsTheNewestOfEachStream) {
  const auto slow = client();
  for (int i = 1; i <= 1000; ++i) update({stream("one-id", i), stream("two-id", 10'000 + i)});
  const auto seen = take(*slow);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0]["data"]["bitrate"], 1000);
  EXPECT_EQ(seen[1]["data"]["bitrate"], 11000);
}

TEST_F(Live, AllClientsShareOneText) {
  const auto one = client();
  const auto two = client();
  update({stream("one-id")});
  std::optional<http::WebSocketClose> close;
  EXPECT_EQ(one->next(close).get(), two->next(close).get());
}

TEST_F(Live, ANewClientSeesWhatIsLiveAtOnceAndAnEndOnlyWhenItHappens) {
  update({stream("one-id"), stream("two-id")});
  update({stream("two-id", 0, false, false)});
  const auto late = client();
  EXPECT_EQ(keys(*late), Keys{"one-id"});
  update({stream("one-id", 0, false, false)});
  const auto seen = take(*late);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0]["data"]["isLive"], false);
}

TEST_F(Live, StreamsHaveTheirPublicNamesAndKeepThemAtTheirEnd) {
  const auto called = [](const std::string& id) { return id == "one-id" ? "sk_one" : id; };
  const auto anybody = client();
  const auto by_socket_io = client(LiveProtocol::kSocketIo);
  shared_->board.update({stream("one-id"), stream("two-id")}, now_us_, called);
  EXPECT_EQ(keys(*anybody), (Keys{"sk_one", "two-id"}));
  std::optional<http::WebSocketClose> close;
  EXPECT_NE(by_socket_io->next(close)->find(R"("streamKey":"sk_one","bitrate")"), std::string::npos);
  shared_->board.update({stream("one-id", 0, false, false)}, now_us_, [](const std::string&) { return ""; });
  EXPECT_EQ(keys(*anybody), Keys{"sk_one"});
}

TEST_F(Live, StreamsThatNobodyUpdatesGo) {
  update({stream("one-id")});
  now_us_ += MetricsFeed::kStaleUs;
  update({});
  EXPECT_FALSE(shared_->board.is_live("one-id"));
  EXPECT_TRUE(keys(*client()).empty());
}

TEST_F(Live, AfterTheFirstSubscriptionOnlyThose) {
  const auto one = client();
  say(*one, "subscribe", {{"streamKey", "two-id"}});
  EXPECT_EQ(code(*one), "subscribed");
  update({stream("one-id"), stream("two-id")});
  EXPECT_EQ(keys(*one), Keys{"two-id"});
  say(*one, "unsubscribe", {{"streamKey", "two-id"}});
  EXPECT_EQ(code(*one), "unsubscribed");
  update({stream("one-id"), stream("two-id")});
  EXPECT_TRUE(keys(*one).empty());
  say(*one, "unsubscribe", {{"streamKey", "two-id"}});
  EXPECT_EQ(code(*one), "not_subscribed");
}

TEST_F(Live, OnlyTheOwnerSeesTheKey) {
  const auto owner = client();
  const auto other = client();
  const auto admin = client();
  say(*owner, "authenticate", {{"token", "good-one"}});
  EXPECT_EQ(code(*owner), "authenticated");
  say(*other, "authenticate", {{"token", "good-two"}});
  say(*admin, "authenticate", {{"token", "good-root"}});
  update({stream("one-id")});
  EXPECT_EQ(keys(*owner), Keys{"sk_one"});
  EXPECT_EQ(keys(*other), Keys{"one-id"});
  EXPECT_EQ(keys(*admin), Keys{"one-id"});
}

TEST_F(Live, APrivateStreamIsForItsOwnerAdministratorsAndWhoHasTheKey) {
  const auto owner = client();
  const auto other = client();
  const auto admin = client();
  const auto holder = client();
  say(*owner, "authenticate", {{"token", "good-secret"}});
  say(*admin, "authenticate", {{"token", "good-root"}});
  say(*other, "subscribe", {{"streamKey", "secret-id"}});
  EXPECT_EQ(code(*other), "stream_unknown");
  say(*other, "subscribe", {{"streamKey", "nothing"}});
  EXPECT_EQ(code(*other), "stream_unknown");
  say(*holder, "subscribe", {{"streamKey", "sk_secret"}});
  EXPECT_EQ(code(*holder), "subscribed");
  update({stream("secret-id", 1, true)});
  EXPECT_EQ(keys(*owner), Keys{"sk_secret"});
  EXPECT_EQ(keys(*admin), Keys{"secret-id"});
  EXPECT_EQ(keys(*holder), Keys{"secret-id"});
  EXPECT_TRUE(keys(*other).empty());
}

TEST_F(Live, AStreamThatBecomesPrivateVanishesFromStrangers) {
  const auto other = client();
  say(*other, "subscribe", {{"streamKey", "one-id"}});
  update({stream("one-id")});
  EXPECT_EQ(keys(*other), Keys{"one-id"});
  update({stream("one-id", 1, true)});
  EXPECT_TRUE(keys(*other).empty());
}

TEST_F(Live, WhatAuthWithdrawsVanishesFromStrangersThoughMetricsSaysNothingOfIt) {
  const auto owner = client();
  const auto admin = client();
  const auto other = client();
  const auto subscriber = client();
  say(*owner, "authenticate", {{"token", "good-one"}});
  say(*admin, "authenticate", {{"token", "good-root"}});
  say(*subscriber, "subscribe", {{"streamKey", "one-id"}});
  take(*subscriber);
  const auto withdraw = [this](bool barred, bool yes) {
    barred ? watching_.set_barred("one-id", yes) : watching_.set_private("one-id", yes);
  };
  for (const bool barred : {true, false}) {
    update({stream("one-id")});
    EXPECT_EQ(keys(*other), Keys{"one-id"});
    EXPECT_EQ(keys(*subscriber), Keys{"one-id"});
    update({stream("one-id")});
    withdraw(barred, true);  // what is on the board already too
    for (const auto& stranger : {other, subscriber, client()}) EXPECT_TRUE(keys(*stranger).empty()) << barred;
    EXPECT_EQ(keys(*owner), Keys{"sk_one"}) << barred;
    EXPECT_EQ(keys(*admin), Keys{"one-id"}) << barred;
    withdraw(barred, false);
  }
}

TEST_F(Live, ShowsStrangersNothingBeforeAuthWasHeard) {
  playback::Revocations nothing;
  LiveBoard board(nothing);
  LiveView anybody;
  LiveView admin;
  admin.admin = true;
  board.update({stream("one-id")}, now_us_);
  EXPECT_EQ(board.next(anybody), nullptr);
  EXPECT_NE(board.next(admin), nullptr);
}

TEST_F(Live, RefusesWhatItCannotDo) {
  const auto one = client();
  const struct {
    const char* event;
    json data;
    const char* code;
  } rows[] = {{"subscribe", nullptr, "bad_request"},
              {"subscribe", {{"streamKey", 7}}, "bad_request"},
              {"subscribe", {{"streamKey", "a/b"}}, "bad_request"},
              {"subscribe", json::array(), "bad_request"},
              {"authenticate", {{"token", "bad"}}, "unauthorized"},
              {"authenticate", nullptr, "unauthorized"},
              {"authenticate", {{"token", std::string(10'000, 'x')}}, "unauthorized"},
              {"publish", nullptr, "unknown_event"},
              {"ping", nullptr, "pong"}};
  for (const auto& row : rows) {
    say(*one, row.event, row.data);
    EXPECT_EQ(code(*one), row.code) << row.event << row.data;
  }
}

TEST_F(Live, SubscriptionsEventsAndAnswersAreBounded) {
  const auto many = client();
  for (std::size_t i = 0; i < LiveView::kMostSubscriptions; ++i) {
    say(*many, "subscribe", {{"streamKey", std::to_string(i) + "-id"}});
    EXPECT_EQ(code(*many), "subscribed");
  }
  say(*many, "subscribe", {{"streamKey", "more-id"}});
  EXPECT_EQ(code(*many), "too_many_subscriptions");
  for (std::size_t i = 0; i < LiveClient::kMostEvents; ++i) say(*many, "ping", nullptr);
  EXPECT_EQ(take(*many).back(), 1008);
  const auto deaf = client();
  for (std::size_t i = 0; i <= LiveClient::kMostAnswers; ++i) say(*deaf, "ping", nullptr);
  EXPECT_EQ(take(*deaf).back(), 1008);
}

TEST_F(Live, AsksAuthOnlySoMuchAtOnce) {
  silent_ = true;
  const auto one = client();
  for (std::size_t i = 0; i < LiveClient::kMostQuestions; ++i)
    say(*one, "subscribe", {{"streamKey", "x-id"}});
  EXPECT_TRUE(take(*one).empty());
  say(*one, "subscribe", {{"streamKey", "x-id"}});
  EXPECT_EQ(code(*one), "busy");
  EXPECT_EQ(questions_, LiveClient::kMostQuestions);
  for (const auto& answer : held_) answer();
  EXPECT_EQ(code(*one), "unavailable");
}

TEST_F(Live, EndsWithItsToken) {
  expires_wall_ = wall_ + 5'000'000;
  const auto one = client();
  say(*one, "authenticate", {{"token", "good-one"}});
  take(*one);
  wall_ += 4'999'999;
  one->tick();
  EXPECT_TRUE(take(*one).empty());
  wall_ += 1;
  one->tick();
  EXPECT_EQ(take(*one), std::vector<json>{4401});
}

TEST_F(Live, EndsSoonAfterItsTokenWasRevokedButNotWhenAuthIsSilent) {
  const auto one = client();
  say(*one, "authenticate", {{"token", "good-one"}});
  take(*one);
  silent_ = true;
  now_us_ += LiveClient::kVerifyEveryUs;
  one->tick();
  for (const auto& answer : held_) answer();
  EXPECT_TRUE(take(*one).empty());
  silent_ = false;
  revoked_ = true;
  one->tick();
  EXPECT_TRUE(take(*one).empty());
  now_us_ += LiveClient::kVerifyEveryUs;
  one->tick();
  EXPECT_EQ(take(*one), std::vector<json>{4401});
}

TEST_F(Live, ShowsANewKeyWithinSeconds) {
  const auto one = client();
  say(*one, "authenticate", {{"token", "good-one"}});
  update({stream("one-id")});
  EXPECT_EQ(keys(*one), Keys{"sk_one"});
  key_suffix_ = "_new";
  now_us_ += LiveClient::kLiveKeysEveryUs;
  one->tick();
  update({stream("one-id")});
  EXPECT_EQ(keys(*one), Keys{"sk_one_new"});
}

// Engine.IO without sockets

class Engine : public Live {
 protected:
  std::shared_ptr<EngineSession> begin() {
    auto session = std::make_shared<EngineSession>(shared_, "sid", "127.0.0.1", Secret());
    session->begin(false);
    return session;
  }
  // The answer to a poll; "-" while there is none.
  std::shared_ptr<std::string> poll(EngineSession& session) {
    auto got = std::make_shared<std::string>("-");
    session.poll(
        [got](const http::Response& response) {
          *got = std::to_string(response.status) + " " + std::get<std::string>(response.body);
        },
        [] { return true; });
    return got;
  }
};

TEST_F(Engine, PollsConnectsAndGetsNumbers) {
  const auto session = begin();
  EXPECT_EQ(
      *poll(*session),
      R"(200 0{"sid":"sid","upgrades":["websocket"],"pingInterval":20000,"pingTimeout":20000,"maxPayload":65536})");
  const auto waiting = poll(*session);
  EXPECT_EQ(*waiting, "-");
  EXPECT_EQ(session->post("40").status, 200);
  EXPECT_TRUE(waiting->starts_with(R"(200 40{"sid":")")) << *waiting;
  const auto next = poll(*session);
  update({stream("one-id"), stream("two-id")});
  session->wake();
  EXPECT_TRUE(next->starts_with(R"(200 42["metricsUpdate",{"streamKey":"one-id",)")) << *next;
  EXPECT_NE(next->find("\x1e"
                       R"(42["metricsUpdate",{"streamKey":"two-id",)"),
            std::string::npos);
}

TEST_F(Engine, AnswersEventsWithAcks) {
  const auto session = begin();
  poll(*session);
  session->post("40");
  poll(*session);
  session->post(R"(427["subscribe",{"streamKey":"one-id"}])"
                "\x1e"
                R"(428["subscribe",{"streamKey":"none"}])");
  EXPECT_EQ(*poll(*session),
            R"(200 437[{"ok":true,"streamId":"one-id"}])"
            "\x1e"
            R"(438[{"code":"stream_unknown","message":"There is no such stream.","ok":false}])");
}

TEST_F(Engine, RefusesBadTokensAndUnknownNamespaces) {
  const auto session = begin();
  poll(*session);
  session->post(R"(40{"token":"bad"})");
  EXPECT_EQ(*poll(*session), R"(200 44{"message":"unauthorized"})");
  session->post("40/admin,");
  EXPECT_EQ(*poll(*session), R"(200 44/admin,{"message":"Invalid namespace"})");
  session->post(R"(40{"token":"good-one"})");
  EXPECT_TRUE(poll(*session)->starts_with("200 40{"));
}

TEST_F(Engine, ASecondPollAtOnceEndsTheSession) {
  const auto session = begin();
  poll(*session);
  const auto first = poll(*session);
  EXPECT_TRUE(poll(*session)->starts_with("400 "));
  EXPECT_EQ(*first, "200 1");
  EXPECT_TRUE(session->is_closed());
}

TEST_F(Engine, NonsenseEndsTheSession) {
  for (const std::string_view bad :
       {"", "x", "4", "49", "42[]", "2", "0{}", "42[\"early\"]", "451-[\"b\"]"}) {
    const auto session = begin();
    poll(*session);
    session->post(bad);
    EXPECT_TRUE(session->is_closed()) << bad;
  }
}

TEST_F(Engine, PingsAndEndsWhenNobodyAnswers) {
  const auto session = begin();
  poll(*session);
  session->post("40");
  poll(*session);
  const auto waiting = poll(*session);
  now_us_ += EngineSession::kPingIntervalUs;
  session->tick();
  EXPECT_EQ(*waiting, "200 2");
  session->post("3");
  now_us_ += EngineSession::kPingIntervalUs + EngineSession::kPingTimeoutUs;
  session->tick();
  EXPECT_FALSE(session->is_closed());
  now_us_ += 1;
  session->tick();
  EXPECT_TRUE(session->is_closed());
}

TEST_F(Engine, SaysGoodbyeWhenTheTokenExpires) {
  expires_wall_ = wall_ + 1'000'000;
  const auto session = begin();
  poll(*session);
  session->post(R"(40{"token":"good-one"})");
  poll(*session);
  const auto waiting = poll(*session);
  wall_ += 1'000'000;
  session->tick();
  EXPECT_EQ(*waiting,
            "200 41\x1e"
            "1");
  EXPECT_TRUE(session->is_closed());
}

}  // namespace
}  // namespace millrace::api
