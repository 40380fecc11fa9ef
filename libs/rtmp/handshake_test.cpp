#include "rtmp/handshake.hpp"

#include <gtest/gtest.h>

#include "rtmp/client_bytes.hpp"
#include "rtmp/digest.hpp"

namespace millrace::rtmp {
namespace {

constexpr std::size_t kReplySize = 1 + 2 * kHandshakePacketSize;

// C0 and C1 of a client that signs like Flash Player 9 and later, ffmpeg and librtmp.
Bytes signed_hello(DigestScheme scheme, std::uint8_t salt = 0) {
  Bytes bytes(1 + kHandshakePacketSize);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + salt);
  bytes[0] = 3;
  const Bytes version = {9, 0, 124, 2};
  std::copy(version.begin(), version.end(), bytes.begin() + 5);
  sign_client_packet(HandshakePacket(bytes.data() + 1, kHandshakePacketSize), scheme);
  return bytes;
}

Bytes answer_to(Bytes hello, std::uint64_t seed = 1) {
  ServerHandshake handshake(seed);
  Bytes out;
  ByteView rest = hello;
  EXPECT_TRUE(handshake.receive(rest, out));
  EXPECT_TRUE(rest.empty());
  EXPECT_FALSE(handshake.done());
  return out;
}

TEST(ServerHandshake, EchoesC1InTheSimpleVariant) {
  const Bytes all = testing::simple_handshake();
  const Bytes out = answer_to(Bytes(all.begin(), all.begin() + 1 + kHandshakePacketSize));
  ASSERT_EQ(out.size(), kReplySize);
  EXPECT_EQ(out[0], 3);
  EXPECT_EQ(Bytes(out.begin() + 5, out.begin() + 9), Bytes(4))
      << "a version would make clients look for digests";
  EXPECT_TRUE(std::equal(all.begin() + 1, all.begin() + 1 + kHandshakePacketSize,
                         out.begin() + 1 + kHandshakePacketSize));
}

TEST(ServerHandshake, SignsBothPacketsInTheClientsScheme) {
  for (const DigestScheme scheme : {DigestScheme::kFirstHalf, DigestScheme::kSecondHalf}) {
    for (int salt = 0; salt < 256; salt += 15) {  // other offsets each time
      const Bytes hello = signed_hello(scheme, static_cast<std::uint8_t>(salt));
      const auto client = find_client_digest(ConstHandshakePacket(hello.data() + 1, kHandshakePacketSize));
      ASSERT_TRUE(client);
      EXPECT_EQ(client->scheme, scheme);
      const Bytes out = answer_to(hello, static_cast<std::uint64_t>(salt));
      ASSERT_EQ(out.size(), kReplySize);
      EXPECT_GE(out[5], 3) << "ffmpeg checks digests from version 3 on";
      EXPECT_TRUE(
          is_server_packet_signed(ConstHandshakePacket(out.data() + 1, kHandshakePacketSize), scheme));
      EXPECT_TRUE(is_server_answer_signed(
          ConstHandshakePacket(out.data() + 1 + kHandshakePacketSize, kHandshakePacketSize), client->digest));
    }
  }
}

TEST(ServerHandshake, AnswersAWrongDigestInTheSimpleVariant) {
  Bytes hello = signed_hello(DigestScheme::kFirstHalf);
  hello[1'000] ^= 1;
  const Bytes out = answer_to(hello);
  EXPECT_TRUE(std::equal(hello.begin() + 1, hello.end(), out.begin() + 1 + kHandshakePacketSize));
}

TEST(ServerHandshake, LeavesWhatFollowsC2) {
  Bytes bytes = testing::simple_handshake();
  bytes.push_back(0x42);
  ServerHandshake handshake(1);
  Bytes out;
  ByteView rest = bytes;
  ASSERT_TRUE(handshake.receive(rest, out));
  EXPECT_TRUE(handshake.done());
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0], 0x42);
}

TEST(ServerHandshake, GivesTheSameAnswerByteByByteAndAcrossSaves) {
  const Bytes hello = signed_hello(DigestScheme::kSecondHalf);
  const Bytes whole = answer_to(hello, 5);
  ServerHandshake handshake(5);
  Bytes out;
  for (const std::uint8_t byte : hello) {
    const Bytes one = {byte};
    ByteView rest = one;
    ASSERT_TRUE(handshake.receive(rest, out));
    ByteWriter saved;
    handshake.save(saved);
    ServerHandshake restored(0);
    ByteReader reader(saved.view());
    ASSERT_TRUE(restored.restore(reader));
    handshake = restored;
  }
  EXPECT_EQ(out, whole);
}

TEST(ServerHandshake, RefusesOtherVersionsAndHttp) {
  for (const int version : {0, 1, 2, 4, 6, 8, 32, 255}) {
    ServerHandshake handshake(1);
    Bytes out;
    const Bytes bytes = {static_cast<std::uint8_t>(version)};
    ByteView rest = bytes;
    const auto result = handshake.receive(rest, out);
    ASSERT_FALSE(result) << version;
    EXPECT_EQ(result.error().code, "rtmp.version");
    EXPECT_TRUE(out.empty());
  }
  ServerHandshake handshake(1);
  Bytes out;
  ByteView rest = as_bytes("POST /live HTTP/1.1\r\n");
  const auto result = handshake.receive(rest, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "rtmp.http");
}

}  // namespace
}  // namespace millrace::rtmp
