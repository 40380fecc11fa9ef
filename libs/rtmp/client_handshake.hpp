// The client's side of the handshake (Adobe RTMP 1.0, 5.2), the simple variant: servers with digests answer
// it in kind.
//
//   C0 C1  ->           begin()
//          <-  S0 S1
//   C2     ->           S1 as it came
//          <-  S2       length checked, content not: servers send what they like
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::rtmp {

// Plain data; the shell of its state is ClientSession.
class ClientHandshake {
 public:
  explicit ClientHandshake(std::uint64_t seed) : seed_(seed) {}

  void begin(ByteWriter& out) const;
  // Consumes from the front of bytes what belongs to the handshake; replies are appended to out.
  // "rtmp.version": S0 is not 3.
  Result<void> receive(ByteView& bytes, Bytes& out);
  bool done() const { return phase_ == Phase::kDone; }

  void save(ByteWriter& out) const;
  // Clears reader.ok() or returns false for what save did not write.
  bool restore(ByteReader& reader);

 private:
  enum class Phase : std::uint8_t { kVersion, kServerPacket, kServerAnswer, kDone };

  std::uint64_t seed_;
  Phase phase_ = Phase::kVersion;
  Bytes packet_;                   // S1 as far as it has come
  std::uint32_t answer_left_ = 0;  // bytes of S2 still to come
};

}  // namespace millrace::rtmp
