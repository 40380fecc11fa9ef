#include "rtmp/server_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "rtmp/chunk_reader.hpp"
#include "rtmp/client_bytes.hpp"
#include "rtmp/command.hpp"
#include "rtmp/session_testing.hpp"

namespace millrace::rtmp {
namespace {

using amf0::Null;
using testing::command;
using testing::control;
using testing::message;
using testing::object;
using testing::publish_session;
using testing::SessionDriver;
using testing::simple_handshake;
using testing::operator+;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kHandshakeReply = 1 + 2 * 1536;

// Reads back what the session sent: "_result 2", "onStatus NetStream.Publish.Start", "control 1", …
class SentMessages : public ChunkSink {
 public:
  explicit SentMessages(ByteView sent) : reader_(SessionLimits{}) { (void)reader_.receive(sent, {}, *this); }

  Result<void> message_begin(std::size_t, const MessageHeader& header) override {
    header_ = header;
    body_.clear();
    return {};
  }
  Result<void> message_bytes(std::size_t, ByteView bytes) override {
    body_.insert(body_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> message_end(std::size_t) override {
    if (header_.type == MessageType::kSetChunkSize) {
      (void)reader_.set_chunk_size(ByteReader(body_).u32());
      return {};
    }
    texts.push_back(describe());
    return {};
  }

  std::vector<std::string> texts;

 private:
  std::string describe() const {
    if (header_.type != MessageType::kCommand)
      return "type " + std::to_string(static_cast<int>(header_.type));
    const auto parsed = parse_command(header_.type, body_);
    if (!parsed) return "unreadable";
    const auto* information = parsed->argument<amf0::Object>(1);
    const amf0::Value* code = information != nullptr ? information->find("code") : nullptr;
    return parsed->name + " " + std::to_string(static_cast<int>(parsed->transaction)) +
           (code != nullptr ? " " + *code->as<std::string>() : "");
  }

  ChunkReader reader_;
  MessageHeader header_;
  Bytes body_;
};

std::vector<std::string> sent_after_handshake(const SessionDriver& driver) {
  return SentMessages(ByteView(driver.sent).subspan(std::min(driver.sent.size(), kHandshakeReply))).texts;
}

Bytes connect(std::initializer_list<amf0::Property> properties) {
  return command("connect", 1, {object(properties)});
}

MessageHeader video(std::uint32_t timestamp, std::uint32_t message_stream_id = 1,
                    std::uint32_t chunk_stream_id = 6) {
  return {chunk_stream_id, MessageType::kVideo, timestamp, 0, message_stream_id};
}

TEST(ServerSession, AnswersEveryCommandOfAPublisher) {
  SessionDriver driver;
  driver.feed(simple_handshake() +
              connect({{"app", "live"}, {"type", "nonprivate"}, {"tcUrl", "rtmp://h/live"}}));
  driver.feed(command("releaseStream", 2, {Null{}, "key"}) + command("FCPublish", 3, {Null{}, "key"}) +
              command("createStream", 4, {Null{}}));
  driver.feed(command("publish", 5, {Null{}, "key", "live"}, 1));
  driver.feed(command("FCUnpublish", 6, {Null{}, "key"}) + command("deleteStream", 7, {Null{}, 1.0}));
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live", "publish ended 1"));
  EXPECT_THAT(sent_after_handshake(driver),
              ElementsAre("type 5", "type 6", "_result 1 NetConnection.Connect.Success", "_result 2",
                          "onFCPublish 0 NetStream.Publish.Start", "_result 3", "_result 4", "type 4",
                          "onStatus 0 NetStream.Publish.Start", "onStatus 0 NetStream.Unpublish.Success",
                          "_result 6"));
}

TEST(ServerSession, AnswersEveryCommandOfAPlayer) {
  SessionDriver driver;
  driver.feed(simple_handshake() + connect({{"app", "live"}}) + command("_checkbw", 2, {Null{}}) +
              command("createStream", 3, {Null{}}));
  driver.feed(command("getStreamLength", 4, {Null{}, "id"}) +
              command("play", 0, {Null{}, "id?token=x", -2000.0}, 1));
  EXPECT_THAT(driver.events, ElementsAre("play 1 live id token=x"));
  EXPECT_THAT(sent_after_handshake(driver),
              ElementsAre("type 5", "type 6", "_result 1 NetConnection.Connect.Success", "_result 2",
                          "_result 3", "_result 4", "type 4", "onStatus 0 NetStream.Play.Reset",
                          "onStatus 0 NetStream.Play.Start"));
  driver.feed(command("closeStream", 0, {Null{}}, 1));
  EXPECT_EQ(driver.events.back(), "play ended 1");
}

TEST(ServerSession, PutsAllRepliesOfOneReadIntoOneAction) {
  ServerSession session;
  std::vector<Action> actions;
  (void)session.receive(
      simple_handshake() + connect({{"app", "live"}}) + command("createStream", 2, {Null{}}), actions);
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SendBytes>(actions[0]));
}

struct NameCase {
  const char* name;
  std::vector<amf0::Property> connect;
  const char* stream;
  const char* expected;
};

TEST(ServerSession, SplitsApplicationNameAndQuery) {
  const NameCase cases[] = {
      {"plain", {{"app", "live"}}, "key", "publish 1 live key  live"},
      {"slashes around", {{"app", "/live/"}}, "/key", "publish 1 live key  live"},
      {"query of the name", {{"app", "live"}}, "key?a=1&b=2", "publish 1 live key a=1&b=2 live"},
      {"query of the application",
       {{"app", "live?authmod=adobe"}},
       "key",
       "publish 1 live key authmod=adobe live"},
      {"both queries", {{"app", "live?a=1"}}, "key?b=2", "publish 1 live key a=1&b=2 live"},
      {"fragment", {{"app", "live?a#b"}}, "key", "publish 1 live key a#b live"},
      {"application of the URL",
       {{"tcUrl", "rtmp://[::1]:1935/live/instance"}},
       "key",
       "publish 1 live/instance key  live"},
      {"neither application nor URL", {}, "key", "publish 1  key  live"},
      {"tcUrl missing", {{"app", "live"}, {"flashVer", "x"}}, "key", "publish 1 live key  live"},
      {"application of another type", {{"app", 5.0}, {"tcUrl", true}}, "key", "publish 1  key  live"},
  };
  for (const NameCase& each : cases) {
    SCOPED_TRACE(each.name);
    SessionDriver driver;
    amf0::Object properties{amf0::Object::Kind::kAnonymous, {}, each.connect};
    driver.feed(simple_handshake() + command("connect", 1, {properties}) +
                command("createStream", 2, {Null{}}) +
                command("publish", 3, {Null{}, each.stream, "live"}, 1));
    EXPECT_THAT(driver.events, ElementsAre(each.expected));
  }
}

// What encoders in the field do that no specification says.
TEST(ServerSession, AcceptsTheHabitsOfEncoders) {
  const amf0::Value live = object({{"app", "live"}});
  const Bytes create = command("createStream", 2, {Null{}});
  const Bytes publish = command("publish", 3, {Null{}, "key", "live"}, 1);
  const struct {
    const char* what;
    Bytes bytes;
    const char* event;
  } cases[] = {
      {"no tcUrl", command("connect", 1, {live}) + create + publish, "publish 1 live key  live"},
      {"no app, only tcUrl",
       command("connect", 1, {object({{"tcUrl", "rtmp://h:1/live"}})}) + create + publish,
       "publish 1 live key  live"},
      {"a slash behind the app", command("connect", 1, {object({{"app", "live/"}})}) + create + publish,
       "publish 1 live key  live"},
      {"an instance of the app",
       command("connect", 1, {object({{"app", "live/instance"}})}) + create + publish,
       "publish 1 live/instance key  live"},
      {"Adobe's authmod",
       command("connect", 1, {object({{"app", "live?authmod=adobe&user=u"}})}) + create + publish,
       "publish 1 live key authmod=adobe&user=u live"},
      {"a query behind the key",
       command("connect", 1, {live}) + create + command("publish", 3, {Null{}, "key?a=b", "live"}, 1),
       "publish 1 live key a=b live"},
      {"FCPublish and releaseStream without a transaction",
       command("connect", 1, {live}) + command("releaseStream", 0, {Null{}, "key"}) +
           command("FCPublish", 0, {Null{}, "key"}) + create + publish,
       "publish 1 live key  live"},
      {"onFCPublish of the client's own",
       command("connect", 1, {live}) + command("onFCPublish", 0, {}) + create + publish,
       "publish 1 live key  live"},
      {"_checkbw before anything is created",
       command("connect", 1, {live}) + command("_checkbw", 4, {}) + create + publish,
       "publish 1 live key  live"},
      {"publish without a type",
       command("connect", 1, {live}) + create + command("publish", 3, {Null{}, "key"}, 1),
       "publish 1 live key  "},
      {"publish with transaction 0",
       command("connect", 1, {live}) + create + command("publish", 0, {Null{}, "key", "live"}, 1),
       "publish 1 live key  live"},
      {"a command's arguments cut short",
       command("connect", 1, {live}) + command("FCPublish", 3, {}) + create + publish,
       "publish 1 live key  live"},
      {"chunks of 4096 for commands too",
       control(MessageType::kSetChunkSize, 4096) +
           command("connect", 1, {object({{"app", "live"}, {"flashVer", std::string(1000, 'x')}})}, 0, 4096) +
           create + publish,
       "publish 1 live key  live"},
      {"chunks of one byte",
       control(MessageType::kSetChunkSize, 1) + command("connect", 1, {live}, 0, 1) +
           command("createStream", 2, {Null{}}, 0, 1) + command("publish", 3, {Null{}, "key", "live"}, 1, 1),
       "publish 1 live key  live"},
  };
  for (const auto& each : cases) {
    for (const std::size_t step : {std::size_t{100'000}, std::size_t{1}}) {
      SCOPED_TRACE(each.what);
      SessionDriver driver;
      driver.feed(simple_handshake() + each.bytes, step);
      EXPECT_THAT(driver.events, ElementsAre(each.event));
      driver.feed(message({6, MessageType::kVideo, 0, 0, 1}, Bytes{0x17, 1, 0, 0, 0}));
      EXPECT_FALSE(driver.session().closed());
    }
  }
}

TEST(ServerSession, TakesCommandsInAmf3Messages) {
  SessionDriver driver;
  const Bytes body =
      Bytes{0} + testing::command_body("connect", 1, {object({{"app", "live"}, {"objectEncoding", 3.0}})});
  driver.feed(simple_handshake() + message({3, MessageType::kCommandAmf3, 0, 0, 0}, body));
  EXPECT_THAT(sent_after_handshake(driver), Contains("_result 1 NetConnection.Connect.Success"));
}

struct CloseCase {
  const char* name;
  Bytes bytes;  // after the handshake
  const char* expected;
};

TEST(ServerSession, ClosesWithACodeOnProtocolErrors) {
  const Bytes connected = connect({{"app", "live"}});
  const std::string huge(5'000, 'x');
  const std::string enormous(64 << 10, 'x');
  const CloseCase cases[] = {
      {"publish before connect", command("publish", 1, {Null{}, "key"}, 1), "close rtmp.state"},
      {"connect twice", connected + connected, "close rtmp.state"},
      {"chunk size 0", control(MessageType::kSetChunkSize, 0), "close rtmp.chunk_size"},
      {"negative chunk size", control(MessageType::kSetChunkSize, 0x80000000), "close rtmp.chunk_size"},
      {"half a Set Chunk Size", message({2, MessageType::kSetChunkSize, 0, 0, 0}, Bytes{0, 0, 1}),
       "close rtmp.chunk_size"},
      {"type 3 first", Bytes{0xC7}, "close rtmp.chunk_context"},
      {"huge tcUrl", connect({{"app", "live"}, {"tcUrl", huge}}), "close rtmp.text_size"},
      {"tcUrl of 64 KiB", connect({{"app", "live"}, {"tcUrl", enormous}}), "close rtmp.message_size"},
      {"AMF0 string without its bytes",
       message({3, MessageType::kCommand, 0, 0, 0}, Bytes{2, 0xFF, 0xFF, 'a', 'b', 'c'}), "close rtmp.amf0"},
      {"empty command", message({3, MessageType::kCommand, 0, 0, 0}, {}), "close rtmp.command"},
      {"command without a name", message({3, MessageType::kCommand, 0, 0, 0}, Bytes{5}),
       "close rtmp.command"},
      {"huge name", connected + command("publish", 2, {Null{}, huge}, 1), "close rtmp.text_size"},
  };
  for (const CloseCase& each : cases) {
    SCOPED_TRACE(each.name);
    SessionDriver driver;
    driver.feed(simple_handshake() + each.bytes);
    EXPECT_THAT(driver.events, ElementsAre(each.expected));
    EXPECT_TRUE(driver.session().closed());
    driver.feed(publish_session());
    EXPECT_THAT(driver.events, ElementsAre(each.expected)) << "everything after Close is ignored";
  }
}

TEST(ServerSession, IgnoresControlMessagesThatMeanNothing) {
  const CloseCase cases[] = {
      {"abort of a stream that isn't open", control(MessageType::kAbort, 77), ""},
      {"acknowledgement of 0", control(MessageType::kAcknowledgement, 0), ""},
      {"window of 0", control(MessageType::kWindowAcknowledgementSize, 0), ""},
      {"peer bandwidth of type 9",
       message({2, MessageType::kSetPeerBandwidth, 0, 0, 0}, Bytes{0, 0, 0, 1, 9}), ""},
      {"half a user control", message({2, MessageType::kUserControl, 0, 0, 0}, Bytes{0, 6, 1}), ""},
      {"huge chunk size", control(MessageType::kSetChunkSize, 0x7FFFFFFF), ""},
      {"half an abort", message({2, MessageType::kAbort, 0, 0, 0}, Bytes{1}), ""},
      {"a message type nobody knows", message({8, static_cast<MessageType>(99), 0, 0, 0}, Bytes(500)), ""},
      {"shared object", message({8, MessageType::kSharedObject, 0, 0, 0}, Bytes(10)), ""},
  };
  for (const CloseCase& each : cases) {
    SCOPED_TRACE(each.name);
    SessionDriver driver;
    driver.feed(simple_handshake() + each.bytes);
    EXPECT_THAT(driver.events, IsEmpty());
    EXPECT_FALSE(driver.session().closed());
  }
}

TEST(ServerSession, AnswersUnknownCommandsOnlyIfTheyWait) {
  SessionDriver driver;
  driver.feed(simple_handshake() + connect({{"app", "live"}}) + command("somethingNew", 9, {Null{}}) +
              command("somethingElse", 0, {Null{}}) +
              command("notANumber", std::numeric_limits<double>::quiet_NaN(), {Null{}}) +
              command("negative", -1, {Null{}}));
  EXPECT_THAT(sent_after_handshake(driver),
              ElementsAre("type 5", "type 6", "_result 1 NetConnection.Connect.Success",
                          "_error 9 NetConnection.Call.Failed"));
}

TEST(ServerSession, CapsMessageStreams) {
  SessionLimits limits;
  limits.max_message_streams = 3;
  SessionDriver driver(limits);
  driver.feed(simple_handshake() + connect({{"app", "live"}}));
  for (int i = 0; i < 5; ++i) driver.feed(command("createStream", 10 + i, {Null{}}));
  const auto sent = sent_after_handshake(driver);
  EXPECT_THAT(sent, Contains("_result 12"));
  EXPECT_THAT(sent, Contains("_error 13 NetConnection.Call.Failed"));
  driver.feed(command("deleteStream", 0, {Null{}, 2.0}) + command("createStream", 20, {Null{}}));
  EXPECT_THAT(sent_after_handshake(driver), Contains("_result 20"));
}

TEST(ServerSession, RefusesASecondUseOfAMessageStream) {
  SessionDriver driver;
  driver.feed(publish_session() + command("publish", 4, {Null{}, "other", "live"}, 1) +
              command("play", 5, {Null{}, "key"}, 1));
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live"));
  EXPECT_THAT(sent_after_handshake(driver), Contains("onStatus 0 NetStream.Publish.BadName"));
  EXPECT_THAT(sent_after_handshake(driver), Contains("onStatus 0 NetStream.Play.Failed"));
}

TEST(ServerSession, TakesNothingBehindAPublishBeforeItsAnswer) {
  const Bytes media = message(video(1), Bytes(300)) + command("deleteStream", 4, {Null{}, 1.0});
  const Bytes all = publish_session() + media;
  ServerSession session;
  std::vector<Action> actions;
  EXPECT_EQ(session.receive(all, actions), all.size() - media.size());
  EXPECT_TRUE(std::holds_alternative<PublishRequested>(actions.back()));
  EXPECT_EQ(session.received_bytes(), all.size() - media.size());
  actions.clear();
  EXPECT_EQ(session.receive(media, actions), 0U) << "it still waits";
  EXPECT_TRUE(actions.empty());
  EXPECT_THAT(session.accept_publish(2), IsEmpty()) << "no such request";
  EXPECT_FALSE(session.accept_publish(1).empty());
  EXPECT_THAT(session.accept_publish(1), IsEmpty()) << "already accepted";
  EXPECT_EQ(session.receive(media, actions), media.size());
  EXPECT_TRUE(std::holds_alternative<MessageBegin>(actions.front()));
  EXPECT_TRUE(std::holds_alternative<PublishEnded>(actions.back()));
}

TEST(ServerSession, GoesOnBehindARejectedPublish) {
  SessionDriver driver;
  driver.accepts = false;
  driver.feed(publish_session() + command("deleteStream", 4, {Null{}, 1.0}) +
              command("createStream", 5, {Null{}}));
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live"));
  EXPECT_FALSE(driver.session().reject_publish(1, status::kPublishDenied, "No.").empty());
  driver.resume();
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live"));
  EXPECT_THAT(sent_after_handshake(driver), Contains("_result 5"));
}

// A chunk header may begin in one read and the command's last bytes with it.
TEST(ServerSession, HoldsWhatCameWithThePublishWhereverReadsAreCut) {
  const Bytes media = message(video(1), Bytes(300)) + message(video(40), Bytes(200));
  const Bytes all = publish_session() + media;
  for (std::size_t cut = publish_session().size() - 40; cut < all.size(); ++cut) {
    SessionDriver driver;
    driver.accepts = false;
    driver.feed(ByteView(all).first(cut));
    driver.feed(ByteView(all).subspan(cut));
    (void)driver.session().accept_publish(1);
    driver.resume();
    ASSERT_EQ(driver.events.size(), 3U) << cut;
  }
}

TEST(ServerSession, SaysOnceThatMediaOfNoPublishIsDropped) {
  SessionDriver driver;
  driver.feed(publish_session() + message(video(2), Bytes(300)) + message(video(3, 2), Bytes(300)) +
              message(video(4, 2), Bytes(300)));
  ASSERT_EQ(driver.events.size(), 3U);
  EXPECT_THAT(driver.events[1], HasSubstr("message 9 time 2 size 300 stream 1"));
  EXPECT_EQ(driver.events[2], "media dropped 2");
  driver.feed(command("closeStream", 4, {Null{}}, 1) + command("publish", 5, {Null{}, "key"}, 1) +
              message(video(4, 2), Bytes(300)));
  EXPECT_EQ(driver.events.back(), "media dropped 2") << "of another publish";
  EXPECT_FALSE(driver.session().closed());
}

TEST(ServerSession, TakesMediaOnMessageStream0AsThatOfTheOnlyPublish) {
  SessionDriver driver;
  driver.feed(publish_session() + message(video(1, 0), Bytes(300)));
  ASSERT_EQ(driver.events.size(), 2U);
  EXPECT_THAT(driver.events[1], HasSubstr("time 1 size 300 stream 1"));
  const Bytes open = message(video(2, 0), Bytes(300));
  driver.feed(Bytes(open.begin(), open.begin() + 140) + command("deleteStream", 4, {Null{}, 1.0}));
  EXPECT_EQ(driver.events.at(2), "aborted 6");
  driver.feed(Bytes(open.begin() + 140, open.end()) + message(video(3, 0), Bytes(300)));
  EXPECT_EQ(driver.events.back(), "publish ended 1") << "the encoder's last frames are no news";
}

TEST(ServerSession, EndsAPublishHoweverTheEncoderSaysIt) {
  const Bytes two = command("createStream", 4, {Null{}}) + command("publish", 5, {Null{}, "b", "live"}, 2);
  const struct {
    const char* what;
    Bytes bytes;
    bool ends;
  } cases[] = {
      {"closeStream", command("closeStream", 6, {Null{}}, 1), true},
      {"closeStream on message stream 0", command("closeStream", 6, {Null{}}, 0), true},
      {"closeStream on another one", command("closeStream", 6, {Null{}}, 2), false},
      {"deleteStream", command("deleteStream", 6, {Null{}, 1.0}), true},
      {"deleteStream 0", command("deleteStream", 6, {Null{}, 0.0}), true},
      {"deleteStream without a number", command("deleteStream", 6, {Null{}}), true},
      {"deleteStream without anything", command("deleteStream", 6, {}), true},
      {"deleteStream of another one", command("deleteStream", 6, {Null{}, 2.0}), false},
      {"deleteStream of NaN", command("deleteStream", 6, {Null{}, std::numeric_limits<double>::quiet_NaN()}),
       false},
      {"FCUnpublish", command("FCUnpublish", 6, {Null{}, "key"}), true},
      {"FCUnpublish without a name", command("FCUnpublish", 6, {Null{}}), true},
      {"FCUnpublish of app/key", command("FCUnpublish", 6, {Null{}, "live/key"}), true},
      {"FCUnpublish with a query", command("FCUnpublish", 6, {Null{}, "/key?token=a"}), true},
      {"FCUnpublish of another one", command("FCUnpublish", 6, {Null{}, "other"}), false},
      {"closeStream on 0 when there are two", two + command("closeStream", 6, {Null{}}, 0), false},
      {"deleteStream 0 when there are two", two + command("deleteStream", 6, {Null{}, 0.0}), false},
      {"FCUnpublish of one of two", two + command("FCUnpublish", 6, {Null{}, "key"}), true},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    SessionDriver driver;
    driver.feed(publish_session() + each.bytes);
    EXPECT_EQ(driver.events.back() == "publish ended 1", each.ends);
  }
}

TEST(ServerSession, AbortsOpenMessagesBeforeThePublishEnds) {
  SessionDriver driver;
  driver.feed(publish_session());
  const Bytes bytes = message(video(1), Bytes(300));
  driver.feed(Bytes(bytes.begin(), bytes.begin() + 140) + command("deleteStream", 4, {Null{}, 1.0}));
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live", "aborted 6", "publish ended 1"));
}

TEST(ServerSession, AbortsAMessageOnThePeersWord) {
  SessionDriver driver;
  driver.feed(publish_session());
  const Bytes bytes = message(video(1), Bytes(300));
  driver.feed(Bytes(bytes.begin(), bytes.begin() + 140) + control(MessageType::kAbort, 6) +
              message(video(2), Bytes(5)));
  ASSERT_EQ(driver.events.size(), 3U);
  EXPECT_EQ(driver.events[1], "aborted 6");
  EXPECT_THAT(driver.events[2], HasSubstr("time 2 size 5"));
}

TEST(ServerSession, EndsAPublishOnTheServersWord) {
  SessionDriver driver;
  driver.feed(publish_session());
  const Bytes bytes = message(video(1), Bytes(300));
  driver.feed(Bytes(bytes.begin(), bytes.begin() + 140));
  EXPECT_FALSE(driver.session().end_publish(1, status::kUnpublishSuccess, "Taken over.").empty());
  driver.feed(Bytes(bytes.begin() + 140, bytes.end()) + message(video(2), Bytes(5)));
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live"));
}

TEST(ServerSession, BoundsUnfinishedMedia) {
  SessionLimits limits;
  limits.max_open_media_bytes = 1'000;
  SessionDriver driver(limits);
  driver.feed(publish_session());
  for (std::uint32_t id = 10; id < 14; ++id) {
    const Bytes bytes = message(video(1, 1, id), Bytes(300));
    driver.feed(ByteView(bytes).first(12 + 128));
  }
  EXPECT_EQ(driver.events.back(), "close rtmp.partial_bytes");
}

TEST(ServerSession, BoundsUnfinishedCommands) {
  SessionDriver driver;
  driver.feed(simple_handshake());
  for (std::uint32_t id = 10; id < 13; ++id) {
    const Bytes bytes = message({id, MessageType::kCommand, 0, 0, 0}, Bytes(40'000));
    driver.feed(ByteView(bytes).first(12 + 128));
  }
  EXPECT_THAT(driver.events, ElementsAre("close rtmp.partial_bytes"));
}

TEST(ServerSession, RefusesMediaBeyondTheLimitAtItsFirstChunk) {
  SessionLimits limits;
  limits.max_media_bytes = 1'000;
  SessionDriver driver(limits);
  driver.feed(publish_session() + message(video(1), Bytes(1'000)));
  driver.feed(message(video(2), Bytes(1'001)));
  EXPECT_EQ(driver.events.back(), "close rtmp.message_size");
}

TEST(ServerSession, RunsOutOfCreditOnFloodsOfTinyChunks) {
  SessionLimits limits;
  limits.max_work_credit = 2'000;
  SessionDriver driver(limits);
  driver.feed(publish_session() + control(MessageType::kSetChunkSize, 1));
  driver.feed(message(video(1), Bytes(100), 1));
  EXPECT_THAT(driver.events.back(), HasSubstr("time 1 size 100")) << "a little of it is fine";
  driver.feed(message(video(2), Bytes(1'000), 1));
  EXPECT_EQ(driver.events.back(), "close rtmp.work");
}

TEST(ServerSession, AcknowledgesAtExactMultiplesOfTheWindow) {
  SessionDriver driver;
  driver.feed(publish_session() + control(MessageType::kWindowAcknowledgementSize, 20'000));
  driver.sent.clear();
  driver.feed(message(video(1), Bytes(50'000)), 1'000);
  const Bytes two = message({2, MessageType::kAcknowledgement, 0, 0, 0}, Bytes{0, 0, 0x4E, 0x20}) +
                    message({2, MessageType::kAcknowledgement, 0, 0, 0}, Bytes{0, 0, 0x9C, 0x40});
  EXPECT_EQ(driver.sent, two);
}

TEST(ServerSession, AnswersPingsAndReportsPongs) {
  SessionDriver driver;
  driver.feed(simple_handshake());
  driver.sent.clear();
  driver.feed(ServerSession::ping_request(0x01020304));
  EXPECT_EQ(driver.sent, message({2, MessageType::kUserControl, 0, 0, 0}, Bytes{0, 7, 1, 2, 3, 4}));
  driver.feed(message({2, MessageType::kUserControl, 0, 0, 0}, Bytes{0, 7, 0, 0, 0, 9}));
  EXPECT_THAT(driver.events, ElementsAre("pong 9"));
}

TEST(ServerSession, StripsTheLeadingByteOfAmf3Data) {
  SessionDriver driver;
  driver.feed(publish_session() + message({5, MessageType::kDataAmf3, 0, 0, 1}, Bytes{0, 2, 0, 1, 'a'}) +
              message({5, MessageType::kData, 0, 0, 1}, Bytes{2, 0, 1, 'a'}));
  ASSERT_EQ(driver.events.size(), 3U);
  EXPECT_EQ(driver.events[1], driver.events[2]);
}

TEST(ServerSession, SplitsAggregates) {
  SessionDriver driver;
  driver.feed(publish_session());
  ByteWriter body;
  const auto part = [&body](MessageType type, std::uint32_t time, std::size_t size) {
    body.u8(static_cast<std::uint8_t>(type));
    body.u24(static_cast<std::uint32_t>(size));
    body.u24(time & 0xFFFFFF);
    body.u8(static_cast<std::uint8_t>(time >> 24));
    body.u24(0);
    body.zeros(size);
    body.u32(static_cast<std::uint32_t>(size) + 11);
  };
  part(MessageType::kVideo, 0x01000010, 200);
  part(MessageType::kAudio, 0x01000020, 0);
  part(MessageType::kCommand, 0x01000021, 9);
  part(MessageType::kAudio, 0x01000030, 5);
  const Bytes whole = message({7, MessageType::kAggregate, 500, 0, 1}, body.view());
  driver.feed(whole);
  ASSERT_EQ(driver.events.size(), 4U);
  EXPECT_THAT(driver.events[1], HasSubstr("message 9 time 500 size 200 stream 1"));
  EXPECT_THAT(driver.events[2], HasSubstr("message 8 time 516 size 0 stream 1"));
  EXPECT_THAT(driver.events[3], HasSubstr("message 8 time 532 size 5 stream 1"));

  SessionDriver saved;
  saved.feed(publish_session());
  for (const std::uint8_t byte : whole) {
    saved.feed(Bytes{byte});
    saved.save_and_restore();
  }
  EXPECT_EQ(saved.events, driver.events);
}

TEST(ServerSession, ClosesOnAnAggregateWhosePartIsLongerThanItself) {
  SessionDriver driver;
  driver.feed(publish_session());
  driver.feed(message({7, MessageType::kAggregate, 0, 0, 1}, Bytes{9, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(driver.events.back(), "close rtmp.aggregate");
}

TEST(ServerSession, NotifiesPlayersOfTheirPublisher) {
  SessionDriver driver;
  driver.feed(simple_handshake() + connect({{"app", "live"}}) + command("createStream", 2, {Null{}}));
  EXPECT_THAT(driver.session().unpublish_notify(1), IsEmpty());
  driver.feed(command("play", 3, {Null{}, "id"}, 1));
  driver.sent.clear();
  const Bytes preamble = control(MessageType::kSetChunkSize, kPlayerChunkSize);
  EXPECT_THAT(SentMessages(preamble + driver.session().unpublish_notify(1)).texts,
              ElementsAre("onStatus 0 NetStream.Play.UnpublishNotify", "type 4"));
  EXPECT_THAT(SentMessages(preamble + driver.session().publish_notify(1)).texts,
              ElementsAre("type 4", "onStatus 0 NetStream.Play.Start"));
  EXPECT_THAT(SentMessages(preamble + driver.session().end_play(1, status::kPlayStop, "Over.")).texts,
              ElementsAre("type 4", "onStatus 0 NetStream.Play.Stop"));
  EXPECT_THAT(driver.session().end_play(1, status::kPlayStop, "Over."), IsEmpty());
}

TEST(ServerSession, RejectedStreamsCanBeUsedAgain) {
  SessionDriver driver;
  driver.accepts = false;
  driver.feed(publish_session());
  EXPECT_FALSE(driver.session().reject_publish(1, status::kPublishDenied, "No.").empty());
  driver.feed(command("play", 3, {Null{}, "id"}, 1));
  EXPECT_FALSE(driver.session().reject_play(1, status::kPlayStreamNotFound, "No.").empty());
  EXPECT_THAT(driver.events, ElementsAre("publish 1 live key  live", "play 1 live id "));
}

TEST(ServerSession, SaysPlayEndedForARequestThatIsStillWaiting) {
  SessionDriver driver;
  driver.accepts = false;
  driver.feed(simple_handshake() + connect({{"app", "live"}}) + command("createStream", 2, {Null{}}) +
              command("play", 3, {Null{}, "id"}, 1) + command("deleteStream", 4, {Null{}, 1.0}));
  EXPECT_EQ(driver.events.back(), "play ended 1");
  EXPECT_THAT(driver.session().accept_play(1), IsEmpty());
}

// Whoever decides refuses it like any other bad name.
TEST(ServerSession, LeavesEmptyNamesToTheCaller) {
  for (const std::string_view what : {"publish", "play"}) {
    for (const std::string_view name : {"", "/", "?key=a"}) {
      SessionDriver driver;
      driver.accepts = false;
      driver.feed(simple_handshake() + connect({{"app", "live"}}) + command("createStream", 2, {Null{}}) +
                  command(what, 3, {Null{}, name, "live"}, 1));
      ASSERT_EQ(driver.events.size(), 1U);
      EXPECT_EQ(driver.events[0].rfind(std::string(what) + " 1 live  ", 0), 0U) << driver.events[0];
    }
  }
}

TEST(ServerSession, RefusesSnapshotsThatAreCutOrForeign) {
  SessionDriver driver;
  driver.feed(publish_session());
  const Bytes bytes = message(video(1), Bytes(300));
  driver.feed(ByteView(bytes).first(100));
  Bytes saved = driver.session().save();
  ASSERT_TRUE(ServerSession::restore(saved));
  for (std::size_t size = 0; size < saved.size(); ++size) {
    EXPECT_FALSE(ServerSession::restore(ByteView(saved).first(size))) << size;
  }
  saved[0] = 99;
  const auto refused = ServerSession::restore(saved);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "rtmp.snapshot");
}

TEST(ServerSession, SurvivesEveryPrefixAndEverySingleFlippedByte) {
  const Bytes good = publish_session() + message(video(1), Bytes(300));
  for (std::size_t size = simple_handshake().size(); size < good.size(); ++size) {
    SessionDriver cut;
    cut.feed(ByteView(good).first(size));
    EXPECT_FALSE(cut.session().closed()) << size;
    Bytes flipped = good;
    flipped[size] ^= 0xFF;
    SessionDriver other;
    other.feed(flipped);
  }
}

}  // namespace
}  // namespace millrace::rtmp
