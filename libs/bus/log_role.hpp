// Which messages are about a stream as its publisher sends it, and which about a log that was made from one.
// Pure.
#pragma once

#include "stream/v1/stream.pb.h"

namespace millrace::bus {

// StreamPublished, StreamEnded or PointerBatch. A service from before there were roles states none.
template <class Message>
bool is_source(const Message& message) {
  return message.role() == stream::v1::LOG_ROLE_SOURCE || message.role() == stream::v1::LOG_ROLE_UNSPECIFIED;
}

// A PointerBatch: of a log that stands in for a source while its publisher is away.
template <class Message>
bool is_slate(const Message& message) {
  return message.role() == stream::v1::LOG_ROLE_SLATE;
}

}  // namespace millrace::bus
