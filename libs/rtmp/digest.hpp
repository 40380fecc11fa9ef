// The digest ("complex") variant of the handshake that Flash Player 9 and later use and ffmpeg checks:
// HMAC-SHA256 digests hidden in C1, S1, C2 and S2 at offsets that the packets themselves give. Not in Adobe's
// specification; described by the Red5 and librtmp projects, measured against ffmpeg and librtmp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"

namespace millrace::rtmp {

inline constexpr std::size_t kHandshakePacketSize = 1536;
inline constexpr std::size_t kDigestSize = 32;

using Digest = std::array<std::uint8_t, kDigestSize>;
using HandshakePacket = std::span<std::uint8_t, kHandshakePacketSize>;
using ConstHandshakePacket = std::span<const std::uint8_t, kHandshakePacketSize>;

// Where the digest block stands: in the first half (after time and version) or in the second.
enum class DigestScheme : std::uint8_t { kFirstHalf = 0, kSecondHalf = 1 };

struct ClientDigest {
  DigestScheme scheme{};
  Digest digest{};
};

// The digest of a C1 that has one, in either scheme.
std::optional<ClientDigest> find_client_digest(ConstHandshakePacket c1);
// Signs an S1, already filled with time, version and random bytes, in the client's scheme.
void sign_server_packet(HandshakePacket s1, DigestScheme scheme);
// Signs an S2, already filled with random bytes, as the answer to the client's digest.
void sign_server_answer(HandshakePacket s2, const Digest& client_digest);

// The client's side, for programs that play the client.
void sign_client_packet(HandshakePacket c1, DigestScheme scheme);
bool is_server_packet_signed(ConstHandshakePacket s1, DigestScheme scheme);
bool is_server_answer_signed(ConstHandshakePacket s2, const Digest& client_digest);

}  // namespace millrace::rtmp
