// The operator's limits and lists, proxies, and ports of another protocol.
#include "server_fixture.hpp"

namespace millrace::ingest {
namespace {

TEST_F(ServerTest, HoldsAnAddressToItsConnectionsAndLetsItBackIn) {
  config_.max_address_connections = 2;
  start();
  auto first = connect();
  auto second = connect();
  first->handshake();
  second->handshake();
  EXPECT_TRUE(connect()->closed_by_server());
  EXPECT_EQ(server_->counters().address_refused.load(), 1U);
  second->close();
  std::string status;
  for (int i = 0; i < 500 && status.empty(); ++i) {
    auto third = connect();  // until the server has seen the other one go
    third->publish("sk_one");
    status = third->next_status();
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(status, "NetStream.Publish.Start");
}

TEST_F(ServerTest, BudgetsTheBytesOfAnAddressBeforeAcceptance) {
  config_.max_address_connections = 0;
  start();
  // Each sends less than a connection may.
  const Bytes garbage(200U << 10, 0);
  for (int i = 0; i < 8; ++i) {
    auto client = connect();
    client->handshake();
    client->send(MessageType::kVideo, 0, garbage);
    client->connect();
    (void)client->receive();
  }
  EXPECT_GE(server_->counters().address_bytes.load() + server_->counters().address_refused.load(), 1U);
}

TEST_F(ServerTest, BelievesATrustedProxy) {
  config_.proxies = *net::IpNetworks::parse("127.0.0.1");
  config_.max_address_connections = 1;
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n"));
  client->publish("sk_one");
  ASSERT_EQ(client->next_status(), "NetStream.Publish.Start");
  EXPECT_EQ(streams_.find("one")->peer_address, "203.0.113.9");
  auto other = connect();
  other->send_bytes(as_bytes("PROXY TCP4 203.0.113.10 198.51.100.1 50001 1935\r\n"));
  other->publish("sk_two");
  EXPECT_EQ(other->next_status(), "NetStream.Publish.Start")
      << "a proxy's clients are counted, not the proxy";
  auto again = connect();
  again->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50002 1935\r\n"));
  EXPECT_TRUE(again->closed_by_server());
  EXPECT_EQ(server_->counters().proxied.load(), 3U);
  auto without = connect();
  without->handshake();
  EXPECT_TRUE(without->closed_by_server());
}

TEST_F(ServerTest, WaitsForAProxysHeaderNoLongerThanForAHandshake) {
  config_.proxies = *net::IpNetworks::parse("127.0.0.1");
  config_.handshake = 1s;
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0"));
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_EQ(server_->counters().timeouts.load(), 1U);
}

TEST_F(ServerTest, TakesAStrangersProxyHeaderForGarbage) {
  config_.proxies = *net::IpNetworks::parse("10.0.0.0/8");
  start();
  auto client = connect();
  client->send_bytes(as_bytes("PROXY TCP4 203.0.113.9 198.51.100.1 50000 1935\r\n"));
  EXPECT_TRUE(client->closed_by_server());
  auto binary = connect();
  binary->send_bytes(as_bytes(std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16)));
  EXPECT_TRUE(binary->closed_by_server());
  EXPECT_EQ(server_->counters().proxied.load(), 0U);
}

TEST_F(ServerTest, LetsOnlyTheWhitelistPlay) {
  config_.play_whitelist = *net::IpNetworks::parse("10.0.0.0/8");
  start();
  auto source = publisher("sk_one");
  auto player = connect();
  player->play("one");
  EXPECT_EQ(player->next_status(), "NetStream.Play.BadName");
  EXPECT_TRUE(player->closed_by_server());
  EXPECT_EQ(server_->counters().play_refused.load(), 1U);
}

TEST_F(ServerTest, HoldsPublishersToTheirNumberButLetsThemReturn) {
  config_.max_streams = 1;
  start();
  auto first = publisher("sk_one");
  auto second = connect();
  second->publish("sk_two");
  EXPECT_EQ(second->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_streams.load(), 1U);
  auto again = connect();
  again->publish("sk_one");
  EXPECT_EQ(again->next_status(), "NetStream.Publish.Start") << "a take-over is no further stream";
}

TEST_F(ServerTest, EndsAPublisherOverTheBitRateWithAStatus) {
  config_.max_bitrate_mbps = 1;
  start();
  auto source = publisher("sk_one");
  send_frames(*source, 0, 100, 20'000);
  EXPECT_EQ(source->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(source->closed_by_server());
  EXPECT_EQ(server_->counters().over_bitrate.load(), 1U);
}

TEST_F(ServerTest, HoldsAStreamToItsOwnLowerLimits) {
  config_.max_bitrate_mbps = 100;
  authority_.max_bitrate_kbps = 1000;
  start();
  auto fast = publisher("sk_one");
  send_frames(*fast, 0, 100, 20'000);
  EXPECT_EQ(fast->next_status(), "NetStream.Publish.Denied");
  authority_.max_bitrate_kbps = 0;
  authority_.resolution = "160x90";
  auto large = publisher("sk_two");
  EXPECT_EQ(large->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_resolution.load(), 1U);
  authority_.resolution = "whatever its owner wrote";
  auto good = publisher("sk_three");
  send_frames(*good, 0, 5);
  EXPECT_TRUE(announcer_.wait_for_records(5));
}

TEST_F(ServerTest, HoldsALiveStreamToLimitsThatChange) {
  start();
  auto fast = publisher("sk_one");
  send_frames(*fast, 0, 5);
  ASSERT_TRUE(announcer_.wait_for_records(5));
  EXPECT_TRUE(streams_.change_limits("one", {.max_bitrate_kbps = 1000}));
  send_frames(*fast, 5, 100, 20'000);
  EXPECT_EQ(fast->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_bitrate.load(), 1U);
  EXPECT_FALSE(streams_.change_limits("nobody", {}));
  auto large = publisher("sk_two");
  send_frames(*large, 0, 5);
  ASSERT_TRUE(announcer_.wait_for("published two 2 2"));
  EXPECT_TRUE(streams_.change_limits("two", {.max_resolution = "160x90"}));
  EXPECT_EQ(large->next_status(), "NetStream.Publish.Denied");
  EXPECT_EQ(server_->counters().over_resolution.load(), 1U);
}

TEST_F(ServerTest, RefusesPicturesThatAreTooLarge) {
  config_.max_resolution = *ResolutionLimit::parse("319x180");
  start();
  auto source = publisher("sk_one");
  EXPECT_EQ(source->next_status(), "NetStream.Publish.Denied");
  EXPECT_TRUE(source->closed_by_server());
}

TEST_F(ServerTest, HoldsNamesToTheirLength) {
  config_.id_max_length = 6;
  config_.handshake = 1s;
  start();
  auto good = connect();
  good->publish("sk_one");
  EXPECT_EQ(good->next_status(), "NetStream.Publish.Start");
  auto bad = connect();
  bad->publish("sk_one7");
  EXPECT_EQ(bad->next_status(), "NetStream.Publish.BadName");
}

TEST_F(ServerTest, RecognisesTlsOnTheRtmpPort) {
  start();
  auto client = connect();
  client->send_bytes(as_bytes(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC", 9)));
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_EQ(server_->counters().protocol_errors.load(), 1U);
}

}  // namespace
}  // namespace millrace::ingest
