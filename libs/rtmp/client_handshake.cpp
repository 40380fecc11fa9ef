#include "rtmp/client_handshake.hpp"

#include <algorithm>
#include <string>

#include "rtmp/digest.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kVersion = 3;

}  // namespace

void ClientHandshake::begin(ByteWriter& out) const {
  out.u8(kVersion);
  out.zeros(8);  // time, and the version of a client without digests
  std::uint64_t word = seed_ | 1;
  for (std::size_t i = 8; i < kHandshakePacketSize; i += 8) {
    // xorshift: only has to differ from peer to peer
    word ^= word << 13;
    word ^= word >> 7;
    word ^= word << 17;
    out.u64(word);
  }
}

Result<void> ClientHandshake::receive(ByteView& bytes, Bytes& out) {
  if (phase_ == Phase::kVersion && !bytes.empty()) {
    if (bytes.front() != kVersion) {
      return fail("rtmp.version", "the server answers with RTMP version " + std::to_string(bytes.front()));
    }
    bytes = bytes.subspan(1);
    phase_ = Phase::kServerPacket;
  }
  if (phase_ == Phase::kServerPacket) {
    const std::size_t taken = std::min(bytes.size(), kHandshakePacketSize - packet_.size());
    packet_.insert(packet_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    if (packet_.size() < kHandshakePacketSize) return {};
    out.insert(out.end(), packet_.begin(), packet_.end());
    packet_ = {};
    answer_left_ = kHandshakePacketSize;
    phase_ = Phase::kServerAnswer;
  }
  if (phase_ == Phase::kServerAnswer) {
    const std::size_t taken = std::min<std::size_t>(bytes.size(), answer_left_);
    bytes = bytes.subspan(taken);
    answer_left_ -= static_cast<std::uint32_t>(taken);
    if (answer_left_ == 0) phase_ = Phase::kDone;
  }
  return {};
}

void ClientHandshake::save(ByteWriter& out) const {
  out.u64(seed_);
  out.u8(static_cast<std::uint8_t>(phase_));
  out.u32(answer_left_);
  out.u16(static_cast<std::uint16_t>(packet_.size()));
  out.append(packet_);
}

bool ClientHandshake::restore(ByteReader& reader) {
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
