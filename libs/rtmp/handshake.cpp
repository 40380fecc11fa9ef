#include "rtmp/handshake.hpp"

#include <algorithm>
#include <string>

#include "rtmp/digest.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kVersion = 3;
// S1's version field in the digest variant: anything from 3 up makes ffmpeg check the digests.
constexpr std::array<std::uint8_t, 4> kServerVersion = {4, 5, 0, 1};

// splitmix64: fills the parts that should look random.
void fill(std::uint64_t seed, std::span<std::uint8_t> out) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) {
      seed += 0x9E3779B97F4A7C15ULL;
      word = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9ULL;
      word = (word ^ (word >> 27)) * 0x94D049BB133111EBULL;
    }
    out[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
  }
}

Result<void> check_version(std::uint8_t version) {
  if (version == kVersion) return {};
  // The first letters of GET, POST, HEAD, PUT, OPTIONS, CONNECT.
  if (std::string_view("GPHOC").find(static_cast<char>(version)) != std::string_view::npos) {
    return fail("rtmp.http", "an HTTP request on the RTMP port");
  }
  return fail("rtmp.version", "RTMP version " + std::to_string(version) + " is not spoken here");
}

}  // namespace

Result<void> ServerHandshake::receive(ByteView& bytes, Bytes& out) {
  if (phase_ == Phase::kVersion && !bytes.empty()) {
    if (auto checked = check_version(bytes.front()); !checked) return checked;
    bytes = bytes.subspan(1);
    phase_ = Phase::kClientPacket;
  }
  if (phase_ == Phase::kClientPacket) {
    const std::size_t taken = std::min(bytes.size(), kHandshakePacketSize - packet_.size());
    packet_.insert(packet_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    if (packet_.size() < kHandshakePacketSize) return {};
    answer(out);
    packet_ = {};
    answer_left_ = kHandshakePacketSize;
    phase_ = Phase::kClientAnswer;
  }
  if (phase_ == Phase::kClientAnswer) {
    const std::size_t taken = std::min<std::size_t>(bytes.size(), answer_left_);
    bytes = bytes.subspan(taken);
    answer_left_ -= static_cast<std::uint32_t>(taken);
    if (answer_left_ == 0) phase_ = Phase::kDone;
  }
  return {};
}

void ServerHandshake::answer(Bytes& out) const {
  const std::size_t begin = out.size();
  out.resize(begin + 1 + 2 * kHandshakePacketSize);
  out[begin] = kVersion;
  const HandshakePacket s1(out.data() + begin + 1, kHandshakePacketSize);
  const HandshakePacket s2(out.data() + begin + 1 + kHandshakePacketSize, kHandshakePacketSize);
  const ConstHandshakePacket c1(packet_.data(), kHandshakePacketSize);

  fill(seed_, s1.subspan(8));  // the first eight bytes, time and version, stay zero
  const bool may_be_signed =
      std::any_of(c1.begin() + 4, c1.begin() + 8, [](std::uint8_t b) { return b != 0; });
  const auto client = may_be_signed ? find_client_digest(c1) : std::nullopt;
  if (!client) {
    std::copy(c1.begin(), c1.end(), s2.begin());
    return;
  }
  std::copy(kServerVersion.begin(), kServerVersion.end(), s1.begin() + 4);
  sign_server_packet(s1, client->scheme);
  fill(seed_ + 1, s2);
  sign_server_answer(s2, client->digest);
}

void ServerHandshake::save(ByteWriter& out) const {
  out.u64(seed_);
  out.u8(static_cast<std::uint8_t>(phase_));
  out.u32(answer_left_);
  out.u16(static_cast<std::uint16_t>(packet_.size()));
  out.append(packet_);
}

bool ServerHandshake::restore(ByteReader& reader) {
  seed_ = reader.u64();
  const std::uint8_t phase = reader.u8();
  answer_left_ = reader.u32();
  const ByteView packet = reader.take(reader.u16());
  if (!reader.ok() || phase > static_cast<std::uint8_t>(Phase::kDone) ||
      packet.size() >= kHandshakePacketSize || answer_left_ > kHandshakePacketSize) {
    return false;
  }
  phase_ = static_cast<Phase>(phase);
  packet_.assign(packet.begin(), packet.end());
  return true;
}

}  // namespace millrace::rtmp
