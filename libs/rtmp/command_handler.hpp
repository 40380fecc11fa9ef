// What a server does with each command of a client (Adobe RTMP 1.0, 7.2, and what encoders send beside it).
// One row of the table in the .cpp and one method a command. Lives for one command.
#pragma once

#include <string_view>
#include <vector>

#include "rtmp/command.hpp"
#include "rtmp/server_session.hpp"
#include "rtmp/session_state.hpp"

namespace millrace::rtmp {

class CommandHandler {
 public:
  CommandHandler(SessionState& state, std::vector<Action>& out) : state_(state), out_(out) {}

  // An error closes the session: "rtmp.state" (a command before connect, connect twice), "rtmp.text_size".
  // Commands we don't know get _error if they wait for an answer.
  Result<void> handle(const Command& command, std::uint32_t message_stream_id);

 private:
  using Method = Result<void> (CommandHandler::*)(const Command& command, std::uint32_t message_stream_id);
  struct Row {
    std::string_view name;
    Method method;
  };
  static const Row kRows[];

  Result<void> connect(const Command& command, std::uint32_t message_stream_id);
  Result<void> create_stream(const Command& command, std::uint32_t message_stream_id);
  Result<void> delete_stream(const Command& command, std::uint32_t message_stream_id);
  Result<void> close_stream(const Command& command, std::uint32_t message_stream_id);
  Result<void> publish(const Command& command, std::uint32_t message_stream_id);
  Result<void> fc_publish(const Command& command, std::uint32_t message_stream_id);
  Result<void> fc_unpublish(const Command& command, std::uint32_t message_stream_id);
  Result<void> play(const Command& command, std::uint32_t message_stream_id);
  Result<void> play2(const Command& command, std::uint32_t message_stream_id);
  Result<void> pause(const Command& command, std::uint32_t message_stream_id);
  Result<void> seek(const Command& command, std::uint32_t message_stream_id);
  Result<void> receive_audio(const Command& command, std::uint32_t message_stream_id);
  Result<void> receive_video(const Command& command, std::uint32_t message_stream_id);
  Result<void> stream_length(const Command& command, std::uint32_t message_stream_id);
  Result<void> acknowledge(const Command& command, std::uint32_t message_stream_id);
  Result<void> ignore(const Command& command, std::uint32_t message_stream_id);
  Result<void> unknown(const Command& command);

  void send_connect_reply(double transaction);
  void reply(const Command& command, std::string_view name, amf0::Value object, amf0::Value information);
  Result<void> request_play(std::string_view text, std::uint32_t message_stream_id);
  MessageStream* find_played(std::uint32_t message_stream_id);
  void report_wishes(const MessageStream& stream);
  void end_use(MessageStream& stream);
  void send_status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
                   std::string_view description);
  std::string joined_query(std::string_view query) const;

  SessionState& state_;
  std::vector<Action>& out_;
};

// An onStatus information object and message.
amf0::Object status_information(StatusLevel level, std::string_view code, std::string_view description);
void append_status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
                   std::string_view description, std::uint32_t chunk_size, ByteWriter& out);

}  // namespace millrace::rtmp
