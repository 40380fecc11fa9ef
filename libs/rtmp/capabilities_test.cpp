#include "rtmp/capabilities.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "rtmp/client_bytes.hpp"
#include "rtmp/session_testing.hpp"

namespace millrace::rtmp {
namespace {

using testing::object;

amf0::StrictArray list(std::initializer_list<amf0::Value> values) {
  return {values};
}

TEST(PeerCapabilities, AreEmptyForALegacyPeer) {
  const PeerCapabilities peer = parse_capabilities(object({{"app", "live"}, {"videoFunction", 1.0}}));
  EXPECT_FALSE(peer.announced);
  EXPECT_FALSE(peer.plays(MessageType::kVideo, fourcc::kHevc));
  EXPECT_FALSE(peer.reconnects());
}

TEST(PeerCapabilities, ReadTheListOfVersionOne) {
  const PeerCapabilities peer =
      parse_capabilities(object({{"fourCcList", list({"hvc1", "Opus", 7.0, "toolong", ""})}}));
  EXPECT_TRUE(peer.announced);
  EXPECT_TRUE(peer.plays(MessageType::kVideo, fourcc::kHevc));
  EXPECT_TRUE(peer.plays(MessageType::kAudio, fourcc::kOpus));
  EXPECT_FALSE(peer.plays(MessageType::kVideo, fourcc::kAv1));
  EXPECT_EQ(peer.video.size(), 2U);
  const PeerCapabilities any = parse_capabilities(object({{"fourCcList", list({"*"})}}));
  EXPECT_TRUE(any.plays(MessageType::kVideo, fourcc::kAv1));
  EXPECT_TRUE(any.plays(MessageType::kAudio, make_fourcc("new!")));
}

TEST(PeerCapabilities, ReadTheMapsOfVersionTwo) {
  const PeerCapabilities peer = parse_capabilities(
      object({{"videoFourCcInfoMap", object({{"vp09", 1.0}, {"av01", 2.0}, {"hvc1", "4"}})},
              {"audioFourCcInfoMap", object({{"*", 4.0}})},
              {"capsEx", 3.0}}));
  EXPECT_TRUE(peer.plays(MessageType::kVideo, fourcc::kVp9));
  EXPECT_FALSE(peer.plays(MessageType::kVideo, fourcc::kAv1)) << "it encodes that only";
  EXPECT_FALSE(peer.plays(MessageType::kVideo, fourcc::kHevc));
  EXPECT_TRUE(peer.plays(MessageType::kAudio, fourcc::kFlac));
  EXPECT_TRUE(peer.reconnects());
  EXPECT_TRUE(peer.takes_multitrack());
}

TEST(PeerCapabilities, TakeNothingThatMakesNoSense) {
  for (const double flags : {std::numeric_limits<double>::quiet_NaN(), -1.0, 1e300}) {
    const PeerCapabilities peer = parse_capabilities(object({{"capsEx", flags}}));
    EXPECT_TRUE(peer.announced);
    EXPECT_EQ(peer.caps_ex, 0U);
  }
  const PeerCapabilities wrong = parse_capabilities(
      object({{"fourCcList", "hvc1"}, {"videoFourCcInfoMap", 1.0}, {"audioFourCcInfoMap", amf0::Null{}}}));
  EXPECT_FALSE(wrong.announced);
  amf0::StrictArray many;
  for (int i = 0; i < 1000; ++i) many.values.emplace_back(std::to_string(1000 + i));
  EXPECT_EQ(parse_capabilities(object({{"fourCcList", many}})).video.size(), PeerCapabilities::kMaxCodecs);
}

TEST(PeerCapabilities, AreSavedAndRestored) {
  const PeerCapabilities peer = parse_capabilities(object({{"fourCcList", list({"hvc1", "Opus"})},
                                                           {"audioFourCcInfoMap", object({{"*", 4.0}})},
                                                           {"capsEx", 15.0}}));
  ByteWriter saved;
  peer.save(saved);
  PeerCapabilities restored;
  ByteReader reader(saved.view());
  ASSERT_TRUE(restored.restore(reader));
  EXPECT_EQ(restored, peer);
  for (std::size_t size = 0; size < saved.size(); ++size) {
    ByteReader cut(saved.view().first(size));
    EXPECT_FALSE(PeerCapabilities().restore(cut)) << size;
  }
  const Bytes too_many = {1, 200};
  ByteReader reader_of_many(too_many);
  EXPECT_FALSE(PeerCapabilities().restore(reader_of_many));
}

TEST(ServerCapabilities, NameEveryCodec) {
  amf0::Object server;
  append_server_capabilities(server);
  const PeerCapabilities own = parse_capabilities(server);
  for (const FourCc codec : {fourcc::kAvc, fourcc::kHevc, fourcc::kAv1, fourcc::kVp9})
    EXPECT_TRUE(own.plays(MessageType::kVideo, codec));
  for (const FourCc codec :
       {fourcc::kAac, fourcc::kMp3, fourcc::kOpus, fourcc::kFlac, fourcc::kAc3, fourcc::kEac3})
    EXPECT_TRUE(own.plays(MessageType::kAudio, codec));
  EXPECT_EQ(own.caps_ex, 15U);
}

std::string sent_after(testing::SessionDriver& driver, std::initializer_list<amf0::Property> properties) {
  driver.feed(testing::simple_handshake());
  driver.sent.clear();
  driver.feed(testing::command("connect", 1, {object(properties)}));
  return std::string(as_text(driver.sent));
}

TEST(ServerSession, TellsItsCapabilitiesToWhomeverToldTheirs) {
  testing::SessionDriver legacy;
  EXPECT_EQ(sent_after(legacy, {{"app", "live"}}).find("fourCcList"), std::string::npos);
  testing::SessionDriver enhanced;
  const std::string sent = sent_after(enhanced, {{"app", "live"}, {"fourCcList", list({"hvc1"})}});
  for (const char* name : {"fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap", "capsEx", "fLaC"})
    EXPECT_NE(sent.find(name), std::string::npos) << name;
  enhanced.save_and_restore();
  EXPECT_TRUE(enhanced.session().capabilities().plays(MessageType::kVideo, fourcc::kHevc));
}

TEST(ServerSession, AsksOnlyThoseToReconnectWhoCan) {
  testing::SessionDriver legacy;
  sent_after(legacy, {{"app", "live"}, {"fourCcList", list({"*"})}, {"capsEx", 2.0}});
  EXPECT_TRUE(legacy.session().reconnect_request("", "").empty());
  testing::SessionDriver able;
  sent_after(able, {{"app", "live"}, {"capsEx", 1.0}});
  const Bytes here = able.session().reconnect_request("", "The server restarts.");
  EXPECT_NE(as_text(here).find("NetConnection.Connect.ReconnectRequest"), std::string_view::npos);
  EXPECT_EQ(as_text(here).find("tcUrl"), std::string_view::npos);
  const Bytes there = able.session().reconnect_request("rtmp://other/live", "");
  EXPECT_NE(as_text(there).find("rtmp://other/live"), std::string_view::npos);
}

}  // namespace
}  // namespace millrace::rtmp
