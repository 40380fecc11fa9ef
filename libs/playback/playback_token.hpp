// Playback tokens: the holder of one may watch one stream for a while. Made by auth, checked by packaging on
// every object and by the API for recordings, without a question to anybody. Pure: no clock, no socket;
// immutable after creation, any thread.
//
//   token = base64url( version 1 (1 byte)
//                      key id (1)                          which secret, so that one can follow another
//                      expires (4)                         seconds since 1970 UTC, unsigned
//                      flags (1)                           1: a network follows, 2: a viewer follows
//                      length (1), stream id (1 to 128)
//                      [prefix length (1), address (16)]   in the IPv6 form; IPv4 mapped
//                      [viewer (8), lease (8)]
//                      first 16 bytes of HMAC-SHA-256 over all of that )
//
// Integers are big endian. There is one spelling for everything: what decodes encodes to the same text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "net/ip_network.hpp"

namespace millrace::playback {

inline constexpr std::size_t kMaxTokenLength = 248;

// Where the viewer has to come from.
struct Network {
  net::IpAddress first;
  std::uint8_t bits = 128;  // of the IPv6 form

  // "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"; bits behind the prefix become zero.
  static std::optional<Network> parse(std::string_view text);
  bool contains(std::string_view address) const;
  bool operator==(const Network&) const = default;
};

// A viewer key's grant, to be revoked by; random numbers that say nothing about key or device.
struct Viewer {
  std::uint64_t id = 0;
  std::uint64_t lease = 0;  // of one device

  bool operator==(const Viewer&) const = default;
};

struct Claims {
  std::string stream_id;
  std::uint32_t expires_s = 0;
  std::optional<Network> network;
  std::optional<Viewer> viewer;

  bool operator==(const Claims&) const = default;
};

// The signed part as it was sent: syntax only.
struct Unverified {
  std::uint8_t key_id = 0;
  Claims claims;
};
std::optional<Unverified> parse_claims(ByteView bytes);
Bytes serialize_claims(std::uint8_t key_id, const Claims& claims);

class TokenKeys {
 public:
  static constexpr std::size_t kMinSecretLength = 32;

  // current signs; tokens of previous (may be empty) are still good. An empty current: nothing is signed and
  // nothing is good. Errors: playback.weak_secret.
  static Result<TokenKeys> create(const Secret& current, const Secret& previous = Secret());

  bool empty() const { return keys_[0].second == Key{}; }
  // Precondition: not empty, a valid stream id.
  std::string sign(const Claims& claims) const;
  // nullopt: not ours, changed, or no token at all. Says nothing about time, stream or address.
  std::optional<Claims> verify(std::string_view token) const;

 private:
  using Key = std::array<std::uint8_t, 32>;
  static Key derive(const Secret& secret);

  std::array<std::pair<std::uint8_t, Key>, 2> keys_{};
};

// What a token is worth for one object.
enum class Verdict : std::uint8_t {
  kGood,
  kNoToken,  // none, or not ours
  kExpired,
  kOtherStream,
  kWrongAddress,
};
// grace_s: how long after its end a token still counts.
Verdict judge(const std::optional<Claims>& claims, std::string_view stream_id, std::string_view peer_address,
              WallTime now, std::int64_t grace_s = 0);

}  // namespace millrace::playback
