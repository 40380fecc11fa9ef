// The message layer of a session: decides at each message's first byte what becomes of it, passes media on,
// collects the rest and acts on control messages. Commands are what the two sides do differently. Lives for
// one call of the session's receive.
#pragma once

#include <vector>

#include "rtmp/chunk_reader.hpp"
#include "rtmp/command.hpp"
#include "rtmp/server_session.hpp"
#include "rtmp/session_state.hpp"

namespace millrace::rtmp {

class MessageReceiver : public ChunkSink {
 public:
  // media_use: of the streams whose media is passed on; all other media is dropped.
  MessageReceiver(MessageState& state, MessageStream::Use media_use, std::vector<Action>& out)
      : state_(state), media_use_(media_use), out_(out) {}

  Result<void> message_begin(std::size_t slot, const MessageHeader& header) override;
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override;
  Result<void> message_end(std::size_t slot) override;

 protected:
  virtual Result<void> handle_command(const Command& command, std::uint32_t message_stream_id) = 0;
  // Sound or picture of a stream that is in no such use.
  virtual void media_dropped(const MessageHeader& /*header*/) {}

 private:
  Result<void> begin_media(Assembly& assembly);
  Result<void> begin_collecting(Assembly& assembly);
  void forward(Assembly& assembly, ByteView bytes);
  Result<void> handle_collected(const MessageHeader& header, ByteView body);
  Result<void> handle_control(MessageType type, ByteView body);
  void handle_user_control(ByteView body);
  void handle_abort(std::uint32_t chunk_stream_id);

  MessageState& state_;
  MessageStream::Use media_use_;
  std::vector<Action>& out_;
};

// Ends what is open of a message stream. With out: reports it with MessageAborted.
void drop_open_messages(MessageState& state, std::uint32_t message_stream_id, std::vector<Action>* out);

// Acknowledges what was received, at exact multiples of the window whatever the sizes of the reads.
void send_acknowledgements(MessageState& state, std::vector<Action>& out);

// Appends to the last action if that is a SendBytes, so that replies of one receive() go out in one write.
void send(ByteView bytes, std::vector<Action>& out);

}  // namespace millrace::rtmp
