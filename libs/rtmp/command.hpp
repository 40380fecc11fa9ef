// Command messages (Adobe RTMP 1.0, 7.1.1 and 7.2): a name, a transaction id and values.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/amf0.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp {

struct Command {
  std::string name;
  double transaction = 0;              // 0 where the peer sent none; may be anything, NaN too
  std::vector<amf0::Value> arguments;  // what follows: the command object (or null), then the arguments

  // The argument if it is there and of that type, else null.
  template <class T>
  const T* argument(std::size_t index) const {
    return index < arguments.size() ? arguments[index].as<T>() : nullptr;
  }
};

// Type 20, or type 17 (AMF3): a zero byte, then AMF0. "rtmp.amf0", or "rtmp.command": it does not begin with
// a name.
Result<Command> parse_command(MessageType type, ByteView body);

// Appends a whole type 20 message; the chunk size must have been announced to the peer.
void append_command(std::uint32_t message_stream_id, std::string_view name, double transaction,
                    std::initializer_list<amf0::Value> arguments, std::uint32_t chunk_size, ByteWriter& out);

}  // namespace millrace::rtmp
