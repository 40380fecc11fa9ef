#include "rtmp/client_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtmp/capabilities.hpp"
#include "rtmp/client_testing.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/session_testing.hpp"

namespace millrace::rtmp {
namespace {

using amf0::Null;
using testing::ClientDriver;
using testing::command;
using testing::control;
using testing::message;
using testing::object;
using testing::server_handshake;
using testing::server_script;
using testing::SessionDriver;
using testing::operator+;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ClientRequest request(ClientUse use = ClientUse::kPublish,
                      const char* url = "rtmp://joe:pass@host/live/key_1?a=1") {
  return client_request(*parse_url(url), use);
}

Bytes media(std::uint32_t timestamp, std::size_t size, std::uint32_t chunk_size) {
  return message({6, MessageType::kVideo, timestamp, 0, 1}, Bytes(size, 7), chunk_size);
}

// Lets both engines talk until neither has anything to say, in pieces of that many bytes.
void talk(ClientDriver& client, SessionDriver& server, std::size_t step, bool restore) {
  while (!client.sent.empty() || !server.sent.empty()) {
    const Bytes to_server = client.take_sent();
    const Bytes to_client = std::exchange(server.sent, {});
    for (std::size_t at = 0; at < std::max(to_server.size(), to_client.size()); at += step) {
      const auto piece = [&](const Bytes& bytes) {
        return at < bytes.size() ? ByteView(bytes).subspan(at, std::min(step, bytes.size() - at))
                                 : ByteView();
      };
      server.feed(piece(to_server));
      client.feed(piece(to_client));
      if (!restore) continue;
      client.save_and_restore();
      server.save_and_restore();
    }
  }
}

TEST(ClientSession, PublishesToTheServerSessionInPiecesOfEverySize) {
  for (const bool restore : {false, true}) {
    for (const std::size_t step : {1U, 2U, 3U, 5U, 7U, 64U, 127U, 128U, 129U, 1536U, 4096U, 100'000U}) {
      SCOPED_TRACE(step);
      if (restore && step < 5) continue;  // one snapshot per byte takes long
      ClientDriver client(request());
      SessionDriver server;
      talk(client, server, step, restore);
      EXPECT_THAT(client.events, ElementsAre("ready 1"));
      EXPECT_THAT(server.events, ElementsAre("publish 1 live key_1 a=1 live"));
      server.feed(media(40, 150'000, kClientChunkSize), step * 16);
      ASSERT_EQ(server.events.size(), 2U);
      EXPECT_THAT(server.events[1], HasSubstr("message 9 time 40 size 150000 stream 1"));
      client.sent = client.session().finish();
      EXPECT_TRUE(client.session().over());
      talk(client, server, step, false);
      EXPECT_EQ(server.events.back(), "publish ended 1");
      EXPECT_FALSE(server.session().closed());
    }
  }
}

TEST(ClientSession, PlaysFromTheServerSessionInPiecesOfEverySize) {
  for (const std::size_t step : {1U, 3U, 128U, 5000U}) {
    SCOPED_TRACE(step);
    ClientDriver client(request(ClientUse::kPlay));
    SessionDriver server;
    talk(client, server, step, step > 100);
    EXPECT_THAT(server.events, ElementsAre("play 1 live key_1 a=1"));
    ASSERT_FALSE(client.events.empty());
    EXPECT_EQ(client.events.front(), "ready 1");
    client.feed(media(99, 70'000, kPlayerChunkSize), step);
    EXPECT_EQ(client.events.back(), "message 9 time 99 size 70000");
    client.feed(server.session().unpublish_notify(1));
    EXPECT_EQ(client.events.back(), "status NetStream.Play.UnpublishNotify The publisher has left.");
    client.feed(server.session().end_play(1, status::kPlayStop, "Over."));
    EXPECT_EQ(client.events.back(), "ended NetStream.Play.Stop Over.");
    EXPECT_TRUE(client.session().over());
  }
}

TEST(ClientSession, AcknowledgesWhatItReceives) {
  ClientDriver client(request(ClientUse::kPlay));
  client.feed(server_script(ClientUse::kPlay) + control(MessageType::kWindowAcknowledgementSize, 20'000));
  client.sent.clear();
  client.feed(media(1, 50'000, 128));
  EXPECT_FALSE(client.sent.empty());
}

TEST(ClientSession, AnswersPings) {
  ClientDriver client(request());
  client.feed(server_script(ClientUse::kPublish));
  client.sent.clear();
  client.feed(ServerSession::ping_request(77));
  SessionDriver server;
  server.feed(testing::publish_session() + client.sent);
  EXPECT_EQ(server.events.back(), "pong 77");
}

TEST(ClientSession, TakesWhateverStreamIdTheServerGives) {
  ClientDriver client(request());
  client.feed(server_script(ClientUse::kPublish, 7));
  EXPECT_THAT(client.events, ElementsAre("ready 7"));
}

TEST(ClientSession, DropsMediaThatAServerSendsToAPublisher) {
  ClientDriver client(request());
  client.feed(server_script(ClientUse::kPublish) + media(1, 500, 128));
  EXPECT_THAT(client.events, ElementsAre("ready 1"));
}

TEST(ClientSession, SaysWhatItCanDo) {
  ClientRequest asks = request();
  asks.four_ccs = {"hvc1", "Opus"};
  asks.caps_ex = kCapsReconnect;
  ClientDriver client(asks);
  client.feed(server_handshake());
  const std::string sent(as_text(client.sent));
  for (const char* each : {"fourCcList", "hvc1", "Opus", "capsEx", "rtmp://host/live"}) {
    EXPECT_THAT(sent, HasSubstr(each));
  }
  EXPECT_THAT(sent, Not(HasSubstr("pass"))) << "the password goes nowhere by itself";
}

TEST(ClientSession, LearnsWhatTheServerCanDo) {
  for (const bool first : {true, false}) {
    const auto caps = object({{"capsEx", 3.0}});
    ClientSession session(request(), 1);
    std::vector<ClientAction> actions;
    session.receive(server_handshake() +
                        command("_result", 1, {first ? caps : object({}), first ? object({}) : caps}) +
                        command("_result", 4, {Null{}, 1.0}) +
                        command("onStatus", 0, {Null{}, object({{"code", "NetStream.Publish.Start"}})}, 1),
                    actions);
    ASSERT_TRUE(std::holds_alternative<Ready>(actions.back()));
    EXPECT_TRUE(std::get<Ready>(actions.back()).capabilities.takes_multitrack());
    EXPECT_TRUE(std::get<Ready>(actions.back()).capabilities.reconnects());
  }
}

Bytes refused_connect(std::initializer_list<amf0::Property> information) {
  return server_handshake() + command("_error", 1, {Null{}, object(information)});
}

struct EndCase {
  const char* name;
  Bytes bytes;
  const char* expected;
};

TEST(ClientSession, ReportsHowItEnded) {
  const Bytes shaken = server_handshake();
  const Bytes connected = shaken + command("_result", 1, {object({}), object({})});
  const Bytes created = connected + command("_result", 4, {Null{}, 1.0});
  const Bytes running = server_script(ClientUse::kPublish);
  const auto status = [](const char* level, const char* code, const char* description) {
    return command("onStatus", 0,
                   {Null{}, object({{"level", level}, {"code", code}, {"description", description}})}, 1);
  };
  const EndCase cases[] = {
      {"another version", Bytes{6}, "close rtmp.version"},
      {"an HTTP server", Bytes{'H', 'T', 'T', 'P'}, "close rtmp.version"},
      {"connect refused",
       refused_connect({{"code", "NetConnection.Connect.Rejected"}, {"description", "No."}}),
       "refused NetConnection.Connect.Rejected No."},
      {"connect refused without a word", shaken + command("_error", 1, {Null{}}), "refused  "},
      {"redirected",
       refused_connect({{"code", "NetConnection.Connect.Rejected"},
                        {"ex", object({{"code", 302.0}, {"redirect", "rtmp://other/live"}})}}),
       "redirected rtmp://other/live"},
      {"redirected without a code", refused_connect({{"ex", object({{"redirect", "rtmp://other/live"}})}}),
       "redirected rtmp://other/live"},
      {"not redirected by another code",
       refused_connect({{"ex", object({{"code", 404.0}, {"redirect", "rtmp://other/live"}})}}), "refused  "},
      {"createStream refused",
       connected + command("_error", 4, {Null{}, object({{"code", "NetConnection.Call.Failed"}})}),
       "refused NetConnection.Call.Failed "},
      {"no stream id", connected + command("_result", 4, {Null{}}), "close rtmp.state"},
      {"stream id 0", connected + command("_result", 4, {Null{}, 0.0}), "close rtmp.state"},
      {"half a stream id", connected + command("_result", 4, {Null{}, 1.5}), "close rtmp.state"},
      {"huge stream id", connected + command("_result", 4, {Null{}, 1e300}), "close rtmp.state"},
      {"publish refused", created + status("error", "NetStream.Publish.BadName", "Taken."),
       "refused NetStream.Publish.BadName Taken."},
      {"our key in the answer", created + status("error", "NetStream.Publish.Denied", "key_1 is wrong"),
       "refused NetStream.Publish.Denied (left out: holds a secret)"},
      {"publish refused by _error",
       created + command("_error", 5, {Null{}, object({{"code", "NetStream.Publish.Denied"}})}),
       "refused NetStream.Publish.Denied "},
      {"ended", running + status("error", "NetStream.Publish.Rejected", "Taken over."),
       "ended NetStream.Publish.Rejected Taken over."},
      {"unpublished by the server", running + status("status", "NetStream.Unpublish.Success", ""),
       "ended NetStream.Unpublish.Success "},
      {"closed", running + command("close", 0, {Null{}}), "ended NetConnection.Connect.Closed "},
      {"chunk size 0", running + control(MessageType::kSetChunkSize, 0), "close rtmp.chunk_size"},
  };
  for (const EndCase& each : cases) {
    SCOPED_TRACE(each.name);
    ClientDriver client(request());
    client.feed(each.bytes);
    ASSERT_FALSE(client.events.empty());
    EXPECT_EQ(client.events.back(), each.expected);
    EXPECT_TRUE(client.session().over());
    const std::size_t count = client.events.size();
    client.feed(server_script(ClientUse::kPublish));
    EXPECT_EQ(client.events.size(), count) << "everything after the end is ignored";
    EXPECT_THAT(client.session().finish(), IsEmpty());
  }
}

TEST(ClientSession, ReportsTheWishToReconnectAndGoesOn) {
  ClientDriver client(request());
  client.feed(server_script(ClientUse::kPublish) +
              command("onStatus", 0,
                      {Null{}, object({{"level", "status"},
                                       {"code", "NetConnection.Connect.ReconnectRequest"},
                                       {"tcUrl", "rtmp://other/live"},
                                       {"description", "Update."}})}));
  EXPECT_EQ(client.events.back(), "reconnect rtmp://other/live Update.");
  EXPECT_TRUE(client.session().running());
}

TEST(ClientSession, AnswersAChallengeOnceOnly) {
  const auto rejected = [](const char* description) {
    return refused_connect({{"code", "NetConnection.Connect.Rejected"}, {"description", description}});
  };
  ClientRequest asks = request();
  ClientDriver first(asks);
  first.feed(rejected("[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : "));
  EXPECT_THAT(first.events, ElementsAre("challenged ?authmod=adobe&user=joe"));
  asks.authentication = "?authmod=adobe&user=joe";
  ClientDriver second(asks);
  second.feed(
      rejected("[ AccessManager.Reject ] : [ authmod=adobe ] : "
               "?reason=needauth&user=joe&salt=aa&challenge=bb"));
  ASSERT_EQ(second.events.size(), 1U);
  EXPECT_THAT(second.events[0], HasSubstr("challenged ?authmod=adobe&user=joe&challenge="));
  EXPECT_THAT(as_text(second.sent), HasSubstr("live?authmod=adobe&user=joe"));
  asks.authentication = second.events[0].substr(11);
  ClientDriver third(asks);
  third.feed(rejected("[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed"));
  EXPECT_THAT(third.events[0], HasSubstr("refused NetConnection.Connect.Rejected"));
  ClientDriver again(asks);
  asks.authentication = "?authmod=adobe&user=joe";
  ClientDriver stubborn(asks);
  stubborn.feed(rejected("[ code=403 need auth; authmod=adobe ]"));
  EXPECT_THAT(stubborn.events[0], HasSubstr("refused")) << "the same answer twice would never end";
}

TEST(ClientSession, SurvivesEveryTruncationOfTheServersBytes) {
  const Bytes whole = server_script(ClientUse::kPublish);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    ClientDriver client(request());
    client.feed(ByteView(whole).first(size));
    EXPECT_EQ(client.session().running(), size == whole.size());
    EXPECT_FALSE(client.session().over());
  }
}

TEST(ClientSession, RestoresNothingButWhatItSaved) {
  ClientDriver client(request());
  client.feed(server_script(ClientUse::kPublish));
  const Bytes saved = client.session().save();
  for (std::size_t size = 0; size < saved.size(); ++size) {
    EXPECT_FALSE(ClientSession::restore(ByteView(saved).first(size))) << size;
  }
  EXPECT_TRUE(ClientSession::restore(saved));
}

}  // namespace
}  // namespace millrace::rtmp
