#include "playback/playback_token.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <charconv>
#include <stdexcept>
#include <utility>

#include "base/base64url.hpp"
#include "base/ids.hpp"

namespace millrace::playback {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kHasNetwork = 1;
constexpr std::uint8_t kHasViewer = 2;
constexpr std::size_t kCodeLength = 16;
constexpr unsigned kAllBits = 128;
constexpr unsigned kMappedBits = 96;

std::array<std::uint8_t, 32> hmac(ByteView key, ByteView message) {
  std::array<std::uint8_t, 32> code{};
  unsigned length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           code.data(), &length) == nullptr) {
    throw std::runtime_error("OpenSSL failed: HMAC");
  }
  return code;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<net::IpAddress> address = net::IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned bits = kAllBits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (bits > kAllBits) return std::nullopt;
    if (address->is_v4()) bits += kMappedBits;
    if (bits > kAllBits) return std::nullopt;
  }
  return Network{address->masked(bits), static_cast<std::uint8_t>(bits)};
}

bool Network::contains(std::string_view address) const {
  const std::optional<net::IpAddress> peer = net::IpAddress::parse(address);
  return peer && peer->is_v4() == first.is_v4() && peer->masked(bits) == first;
}

Bytes serialize_claims(std::uint8_t key_id, const Claims& claims) {
  ByteWriter writer(192);
  writer.u8(kVersion);
  writer.u8(key_id);
  writer.u32(claims.expires_s);
  writer.u8(static_cast<std::uint8_t>((claims.network ? kHasNetwork : 0) | (claims.viewer ? kHasViewer : 0)));
  writer.u8(static_cast<std::uint8_t>(claims.stream_id.size()));
  writer.text(claims.stream_id);
  if (claims.network) {
    writer.u8(claims.network->bits);
    writer.append(claims.network->first.bytes());
  }
  if (claims.viewer) {
    writer.u64(claims.viewer->id);
    writer.u64(claims.viewer->lease);
  }
  return writer.take();
}

std::optional<Unverified> parse_claims(ByteView bytes) {
  ByteReader reader(bytes);
  Unverified token;
  const std::uint8_t version = reader.u8();
  token.key_id = reader.u8();
  token.claims.expires_s = reader.u32();
  const std::uint8_t flags = reader.u8();
  const std::string_view stream_id = as_text(reader.take(reader.u8()));
  if (version != kVersion || (flags & ~(kHasNetwork | kHasViewer)) != 0 || !is_valid_id(stream_id))
    return std::nullopt;
  token.claims.stream_id = stream_id;
  if ((flags & kHasNetwork) != 0) {
    Network network;
    network.bits = reader.u8();
    const ByteView address = reader.take(16);
    if (!reader.ok() || network.bits > kAllBits) return std::nullopt;
    network.first = net::IpAddress::v6(address.first<16>());
    if (network.first.masked(network.bits) != network.first) return std::nullopt;
    token.claims.network = network;
  }
  if ((flags & kHasViewer) != 0) {
    Viewer viewer;
    viewer.id = reader.u64();
    viewer.lease = reader.u64();
    token.claims.viewer = viewer;
  }
  if (!reader.ok() || !reader.empty()) return std::nullopt;
  return token;
}

TokenKeys::Key TokenKeys::derive(const Secret& secret) {
  return hmac(as_bytes(secret.reveal()), as_bytes("millrace playback token 1"));
}

Result<TokenKeys> TokenKeys::create(const Secret& current, const Secret& previous) {
  TokenKeys keys;
  const std::array<const Secret*, 2> secrets = {&current, &previous};
  for (std::size_t i = 0; i < keys.keys_.size(); ++i) {
    if (secrets[i]->empty()) continue;
    if (current.empty() || secrets[i]->reveal().size() < kMinSecretLength) {
      return fail("playback.weak_secret",
                  "PLAYBACK_SECRET must have at least " + std::to_string(kMinSecretLength) + " characters");
    }
    const Key key = derive(*secrets[i]);
    // Of another derivation, so that the public id tells nothing about the key.
    keys.keys_[i] = {hmac(key, as_bytes("key id"))[0], key};
  }
  return keys;
}

std::string TokenKeys::sign(const Claims& claims) const {
  Bytes bytes = serialize_claims(keys_[0].first, claims);
  const auto code = hmac(keys_[0].second, bytes);
  bytes.insert(bytes.end(), code.begin(), code.begin() + kCodeLength);
  return encode_base64url(bytes);
}

std::optional<Claims> TokenKeys::verify(std::string_view token) const {
  if (token.empty() || token.size() > kMaxTokenLength) return std::nullopt;
  const std::optional<Bytes> bytes = decode_base64url(token);
  if (!bytes || bytes->size() <= kCodeLength) return std::nullopt;
  const ByteView signed_part = ByteView(*bytes).first(bytes->size() - kCodeLength);
  std::optional<Unverified> parsed = parse_claims(signed_part);
  if (!parsed) return std::nullopt;
  for (const auto& [id, key] : keys_) {
    if (key == Key{} || id != parsed->key_id) continue;
    const auto code = hmac(key, signed_part);
    if (equal_in_constant_time(ByteView(code).first(kCodeLength), ByteView(*bytes).last(kCodeLength)))
      return std::move(parsed->claims);
  }
  return std::nullopt;
}

Verdict judge(const std::optional<Claims>& claims, std::string_view stream_id, std::string_view peer_address,
              WallTime now, std::int64_t grace_s) {
  if (!claims) return Verdict::kNoToken;
  if (now.seconds() >= std::int64_t{claims->expires_s} + grace_s) return Verdict::kExpired;
  if (claims->stream_id != stream_id) return Verdict::kOtherStream;
  if (claims->network && !claims->network->contains(peer_address)) return Verdict::kWrongAddress;
  return Verdict::kGood;
}

}  // namespace millrace::playback
