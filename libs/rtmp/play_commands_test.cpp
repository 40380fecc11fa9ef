// What a player may say about the stream it plays.
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
using testing::object;
using testing::SessionDriver;
using testing::simple_handshake;
using testing::operator+;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kHandshakeReply = 1 + 2 * 1536;

// "onStatus NetStream.Pause.Notify" or "control 1 of 1" for every message, and the largest chunk's bytes.
class Replies : public ChunkSink {
 public:
  explicit Replies(ByteView sent) : reader_(SessionLimits{}) {
    ok = reader_.receive(sent, {}, *this).has_value();
  }
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
      chunk_size = ByteReader(body_).u32();
      return reader_.set_chunk_size(chunk_size);
    }
    if (header_.type == MessageType::kUserControl) {
      ByteReader reader(body_);
      const std::uint16_t event = reader.u16();
      texts.push_back("control " + std::to_string(event) + " of " + std::to_string(reader.u32()));
    }
    const auto parsed = header_.type == MessageType::kCommand ? parse_command(header_.type, body_)
                                                              : fail("rtmp.command", "another type");
    const auto* information = parsed ? parsed->argument<amf0::Object>(1) : nullptr;
    const amf0::Value* code = information != nullptr ? information->find("code") : nullptr;
    if (parsed) texts.push_back(parsed->name + (code != nullptr ? " " + *code->as<std::string>() : ""));
    return {};
  }

  std::vector<std::string> texts;
  std::uint32_t chunk_size = 0;
  bool ok = false;

 private:
  ChunkReader reader_;
  MessageHeader header_;
  Bytes body_;
};

Bytes connect_and_create() {
  return simple_handshake() + command("connect", 1, {object({{"app", "live"}})}) +
         command("createStream", 2, {Null{}});
}
Bytes play_bytes() {
  return connect_and_create() + command("play", 3, {Null{}, "id"}, 1);
}

struct Case {
  const char* name;
  Bytes bytes;
  std::vector<std::string> events;
  std::vector<std::string> replies;
};

TEST(PlayCommands, AreAnsweredAndTold) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const Bytes pause = command("pause", 0, {Null{}, true, 1000.0}, 1);
  const Bytes unpause = command("pause", 0, {Null{}, false, 1000.0}, 1);
  const Case cases[] = {
      {"pause", pause, {"play changed 1 paused"}, {"control 1 of 1", "onStatus NetStream.Pause.Notify"}},
      {"pauseRaw",
       command("pauseRaw", 0, {Null{}, true, 0.0}, 1),
       {"play changed 1 paused"},
       {"control 1 of 1", "onStatus NetStream.Pause.Notify"}},
      {"pause of message stream 0, as from clients that name none",
       command("pause", 0, {Null{}, true, 0.0}, 0),
       {"play changed 1 paused"},
       {"control 1 of 1", "onStatus NetStream.Pause.Notify"}},
      {"pause twice is answered twice and told once",
       pause + pause,
       {"play changed 1 paused"},
       {"control 1 of 1", "onStatus NetStream.Pause.Notify", "control 1 of 1",
        "onStatus NetStream.Pause.Notify"}},
      {"unpause",
       pause + unpause,
       {"play changed 1 paused", "play changed 1"},
       {"control 1 of 1", "onStatus NetStream.Pause.Notify", "control 0 of 1",
        "onStatus NetStream.Unpause.Notify"}},
      {"unpause without a pause", unpause, {}, {"control 0 of 1", "onStatus NetStream.Unpause.Notify"}},
      {"pause without a flag", command("pause", 0, {Null{}}, 1), {}, {}},
      {"pause of a stream that nobody plays", command("pause", 0, {Null{}, true, 0.0}, 2), {}, {}},
      {"no sound", command("receiveAudio", 0, {Null{}, false}, 1), {"play changed 1 no audio"}, {}},
      {"no picture", command("receiveVideo", 0, {Null{}, false}, 1), {"play changed 1 no video"}, {}},
      {"picture as before", command("receiveVideo", 0, {Null{}, true}, 1), {}, {}},
      {"picture again",
       command("receiveVideo", 0, {Null{}, false}, 1) + command("receiveVideo", 0, {Null{}, true}, 1),
       {"play changed 1 no video", "play changed 1"},
       {}},
      {"a flag of another type", command("receiveVideo", 0, {Null{}, 0.0}, 1), {}, {}},
      {"seek", command("seek", 0, {Null{}, 5000.0}, 1), {}, {"onStatus NetStream.Seek.Failed"}},
      {"seek to NaN", command("seek", 0, {Null{}, kNan}, 1), {}, {"onStatus NetStream.Seek.InvalidTime"}},
      {"seek backwards", command("seek", 0, {Null{}, -1.0}, 1), {}, {"onStatus NetStream.Seek.InvalidTime"}},
      {"seek to nowhere", command("seek", 0, {Null{}}, 1), {}, {"onStatus NetStream.Seek.InvalidTime"}},
      {"length of a stream", command("getStreamLength", 7, {Null{}, "id"}), {}, {"_result"}},
      {"play2 while playing",
       command("play2", 0, {Null{}, object({{"streamName", "other"}})}, 1),
       {},
       {"onStatus NetStream.Play.Failed"}},
      {"play while playing", command("play", 0, {Null{}, "id"}, 1), {}, {"onStatus NetStream.Play.Failed"}},
      {"closeStream",
       command("closeStream", 0, {Null{}}, 1),
       {"play ended 1"},
       {"onStatus NetStream.Play.Stop"}},
      {"deleteStream",
       command("deleteStream", 0, {Null{}, 1.0}),
       {"play ended 1"},
       {"onStatus NetStream.Play.Stop"}},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    SessionDriver driver;
    driver.feed(play_bytes());
    driver.events.clear();
    const std::size_t before = driver.sent.size();
    driver.feed(each.bytes);
    EXPECT_EQ(driver.events, each.events);
    // The chunk size was announced in what came before.
    const Bytes preamble = testing::control(MessageType::kSetChunkSize, kPlayerChunkSize);
    EXPECT_EQ(Replies(preamble +
                      Bytes(driver.sent.begin() + static_cast<std::ptrdiff_t>(before), driver.sent.end()))
                  .texts,
              each.replies);
    EXPECT_FALSE(driver.session().closed());
  }
}

TEST(PlayCommands, CountAlsoBeforeThePlayIsAccepted) {
  SessionDriver driver;
  driver.accepts = false;
  driver.feed(play_bytes() + command("receiveVideo", 0, {Null{}, false}, 1));
  EXPECT_THAT(driver.events, ElementsAre("play 1 live id "));
  (void)driver.session().accept_play(1);
  EXPECT_FALSE(driver.session().wishes(1).video);
  driver.save_and_restore();
  EXPECT_FALSE(driver.session().wishes(1).video);
  EXPECT_TRUE(driver.session().wishes(1).audio);
  driver.feed(command("closeStream", 0, {Null{}}, 1));
  EXPECT_TRUE(driver.session().wishes(1).video) << "another play starts again";
}

TEST(PlayCommands, TakeAnyStartDurationAndReset) {
  const std::vector<std::vector<amf0::Value>> cases = {
      {-2.0}, {-1.0}, {-2000.0}, {0.0}, {10.0}, {-1.0, -1.0, true}, {0.0, 5.0, false}, {Null{}, Null{}}};
  for (const std::vector<amf0::Value>& more : cases) {
    SessionDriver driver;
    ByteWriter body;
    for (const amf0::Value& value : std::initializer_list<amf0::Value>{"play", 3.0, Null{}, "id"})
      amf0::serialize(value, body);
    for (const amf0::Value& value : more) amf0::serialize(value, body);
    driver.feed(connect_and_create() + testing::message({3, MessageType::kCommand, 0, 0, 1}, body.view()));
    EXPECT_THAT(driver.events, ElementsAre("play 1 live id "));
  }
}

TEST(PlayCommands, Play2PlaysWhereNothingIsPlayed) {
  SessionDriver driver;
  driver.feed(connect_and_create() +
              command("play2", 3, {Null{}, object({{"streamName", "id?a=b"}, {"transition", "reset"}})}, 1));
  EXPECT_THAT(driver.events, ElementsAre("play 1 live id a=b"));
  SessionDriver nameless;
  nameless.feed(connect_and_create() + command("play2", 3, {Null{}, Null{}}, 1));
  EXPECT_THAT(nameless.events, ElementsAre("play 1 live  ")) << "refused by whoever decides";
}

TEST(PlayCommands, AreCutIntoChunksOfTheSizeThatWasAnnounced) {
  SessionLimits limits;
  limits.send_chunk_size = 128;
  SessionDriver driver(limits);
  driver.feed(play_bytes());
  driver.save_and_restore();
  driver.feed(command("pause", 0, {Null{}, true, 0.0}, 1));
  const Replies replies(ByteView(driver.sent).subspan(kHandshakeReply));
  EXPECT_TRUE(replies.ok);
  EXPECT_EQ(replies.chunk_size, 128U);
  EXPECT_EQ(driver.session().send_chunk_size(), 128U);
  EXPECT_THAT(replies.texts, ElementsAre("_result NetConnection.Connect.Success", "_result", "control 0 of 1",
                                         "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start",
                                         "control 1 of 1", "onStatus NetStream.Pause.Notify"));
}

}  // namespace
}  // namespace millrace::rtmp
