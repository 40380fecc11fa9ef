// What leaves a connection: bytes of our own (replies, statuses, configurations), that wait here for the
// socket, and media, that is sent from where it lies. Bounded: a peer that does not read is closed (policy:
// disconnect). Owner: one connection.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "base/bytes.hpp"
#include "server/transport.hpp"

namespace millrace::ingest {

enum class Sent { kAll, kBlocked, kFailed };

class Outbox {
 public:
  static constexpr std::size_t kLimit = 256U << 10;

  // The transport outlives it.
  explicit Outbox(Transport& transport) : transport_(transport) {}

  // False when the bound is passed: the connection is to be closed.
  [[nodiscard]] bool append(ByteView bytes);
  void clear();
  bool empty() const { return sent_ == bytes_.size(); }
  // kBlocked also when the transport itself holds something back.
  Sent flush();
  // Media, behind the bytes of our own: as Transport::send.
  ssize_t send(std::span<const iovec> parts) { return transport_.send(parts); }
  // What the kernel still holds is not sent: as Transport::abandon.
  void abandon() { transport_.abandon(); }

 private:
  Transport& transport_;
  Bytes bytes_;
  std::size_t sent_ = 0;
};

}  // namespace millrace::ingest
