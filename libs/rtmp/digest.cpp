#include "rtmp/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace millrace::rtmp {

namespace {

// Both keys end in the same 32 bytes; the digest of S1 and C1 uses the text only, that of S2 the whole.
constexpr std::string_view kPlayerText = "Genuine Adobe Flash Player 001";
constexpr std::string_view kServerText = "Genuine Adobe Flash Media Server 001";
constexpr std::array<std::uint8_t, 32> kCommonKey = {
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
    0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE};

// Four bytes give the offset of the digest in their half of the packet.
constexpr std::size_t kFirstHalfOffsets = 8;
constexpr std::size_t kSecondHalfOffsets = 772;
constexpr std::size_t kOffsetRange = 728;

Digest hmac_sha256(ByteView key, ByteView data) {
  Digest digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data.data(), data.size(), digest.data(),
       &size);
  return digest;
}

std::size_t digest_position(ConstHandshakePacket packet, DigestScheme scheme) {
  const std::size_t at = scheme == DigestScheme::kFirstHalf ? kFirstHalfOffsets : kSecondHalfOffsets;
  const std::size_t sum = packet[at] + packet[at + 1] + packet[at + 2] + packet[at + 3];
  return at + 4 + sum % kOffsetRange;
}

// The digest covers the packet without the digest's own place.
Digest digest_around(ConstHandshakePacket packet, std::size_t position, std::string_view key) {
  std::array<std::uint8_t, kHandshakePacketSize - kDigestSize> joined;
  const auto rest = packet.subspan(position + kDigestSize);
  std::copy_n(packet.begin(), position, joined.begin());
  std::copy(rest.begin(), rest.end(), joined.begin() + static_cast<std::ptrdiff_t>(position));
  return hmac_sha256(as_bytes(key), joined);
}

bool is_signed(ConstHandshakePacket packet, DigestScheme scheme, std::string_view key) {
  const std::size_t position = digest_position(packet, scheme);
  const Digest expected = digest_around(packet, position, key);
  return std::equal(expected.begin(), expected.end(), packet.begin() + static_cast<std::ptrdiff_t>(position));
}

void sign(HandshakePacket packet, DigestScheme scheme, std::string_view key) {
  const std::size_t position = digest_position(packet, scheme);
  const Digest digest = digest_around(packet, position, key);
  std::copy(digest.begin(), digest.end(), packet.begin() + static_cast<std::ptrdiff_t>(position));
}

Digest answer_digest(ConstHandshakePacket s2, const Digest& client_digest) {
  Bytes key(kServerText.begin(), kServerText.end());
  key.insert(key.end(), kCommonKey.begin(), kCommonKey.end());
  return hmac_sha256(hmac_sha256(key, client_digest), s2.first<kHandshakePacketSize - kDigestSize>());
}

}  // namespace

std::optional<ClientDigest> find_client_digest(ConstHandshakePacket c1) {
  for (const DigestScheme scheme : {DigestScheme::kFirstHalf, DigestScheme::kSecondHalf}) {
    if (!is_signed(c1, scheme, kPlayerText)) continue;
    ClientDigest found{scheme, {}};
    std::copy_n(c1.begin() + static_cast<std::ptrdiff_t>(digest_position(c1, scheme)), kDigestSize,
                found.digest.begin());
    return found;
  }
  return std::nullopt;
}

void sign_server_packet(HandshakePacket s1, DigestScheme scheme) {
  sign(s1, scheme, kServerText);
}

void sign_server_answer(HandshakePacket s2, const Digest& client_digest) {
  const Digest digest = answer_digest(s2, client_digest);
  std::copy(digest.begin(), digest.end(), s2.end() - kDigestSize);
}

void sign_client_packet(HandshakePacket c1, DigestScheme scheme) {
  sign(c1, scheme, kPlayerText);
}

bool is_server_packet_signed(ConstHandshakePacket s1, DigestScheme scheme) {
  return is_signed(s1, scheme, kServerText);
}

bool is_server_answer_signed(ConstHandshakePacket s2, const Digest& client_digest) {
  const Digest digest = answer_digest(s2, client_digest);
  return std::equal(digest.begin(), digest.end(), s2.end() - kDigestSize);
}

}  // namespace millrace::rtmp
