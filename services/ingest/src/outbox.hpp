// Bytes of our own (replies, statuses, configurations) that wait for a socket. Bounded: a peer that does not
// read is closed (policy: disconnect). Owner: one connection.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "transport.hpp"

namespace millrace::ingest {

enum class Sent { kAll, kBlocked, kFailed };

class Outbox {
 public:
  static constexpr std::size_t kLimit = 256U << 10;

  // False when the bound is passed: the connection is to be closed.
  [[nodiscard]] bool append(ByteView bytes);
  bool empty() const { return sent_ == bytes_.size(); }
  // kBlocked also when the transport itself holds something back.
  Sent flush(Transport& transport);

 private:
  Bytes bytes_;
  std::size_t sent_ = 0;
};

}  // namespace millrace::ingest
