// What a client sends, as bytes: for tests and test programs.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/bytes.hpp"
#include "rtmp/amf0.hpp"
#include "rtmp/message.hpp"

namespace millrace::rtmp::testing {

// C0, C1 and C2 of the simple handshake; C2 is zeros: nobody may look at it.
Bytes simple_handshake();
Bytes command_body(std::string_view name, double transaction, std::initializer_list<amf0::Value> arguments);
// A command in chunks of the default size.
Bytes command(std::string_view name, double transaction, std::initializer_list<amf0::Value> arguments,
              std::uint32_t message_stream_id = 0, std::uint32_t chunk_size = 128);
Bytes message(const MessageHeader& header, ByteView body, std::uint32_t chunk_size = 128);
Bytes control(MessageType type, std::uint32_t number);
amf0::Object object(std::initializer_list<amf0::Property> properties);

// Handshake, connect, createStream, publish of app/name; nothing of it waits for an answer.
Bytes publish_session(std::string_view app = "live", std::string_view name = "key");

Bytes operator+(Bytes left, const Bytes& right);

}  // namespace millrace::rtmp::testing
