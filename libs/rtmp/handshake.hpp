// The server's side of the handshake (Adobe RTMP 1.0, 5.2; digest variant: digest.hpp).
//
//   C0 C1  ->
//          <-  S0 S1 S2    at once: nobody waits for C2 before S2
//   C2     ->              length checked, content not: librtmp and others send what they like
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::rtmp {

// Plain data; the shell of its state is ServerSession.
class ServerHandshake {
 public:
  explicit ServerHandshake(std::uint64_t seed) : seed_(seed) {}

  // Consumes from the front of bytes what belongs to the handshake; replies are appended to out.
  // "rtmp.version": C0 is not 3. "rtmp.http": an HTTP request came to the RTMP port.
  Result<void> receive(ByteView& bytes, Bytes& out);
  bool done() const { return phase_ == Phase::kDone; }

  void save(ByteWriter& out) const;
  // Clears reader.ok() or returns false for what save did not write.
  bool restore(ByteReader& reader);

 private:
  enum class Phase : std::uint8_t { kVersion, kClientPacket, kClientAnswer, kDone };

  void answer(Bytes& out) const;

  std::uint64_t seed_;
  Phase phase_ = Phase::kVersion;
  Bytes packet_;                   // C1 as far as it has come
  std::uint32_t answer_left_ = 0;  // bytes of C2 still to come
};

}  // namespace millrace::rtmp
