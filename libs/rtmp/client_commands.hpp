// What a client sends to get a stream published or played, and what it does with each command of the server
// (Adobe RTMP 1.0, 7.2; Enhanced RTMP v2). Lives for one call of ClientSession::receive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rtmp/client_state.hpp"
#include "rtmp/command.hpp"

namespace millrace::rtmp {

class ClientCommands {
 public:
  ClientCommands(ClientState& state, std::vector<ClientAction>& out) : state_(state), out_(out) {}

  // The handshake is done.
  void connect();
  // "rtmp.state": an answer that can't be one.
  Result<void> handle(const Command& command);

 private:
  void create_stream();
  void learn(const Command& connected);
  Result<void> start(const Command& created);
  Result<void> handle_result(const Command& command);
  void handle_error(const Command& command);
  void handle_connect_error(const amf0::Object* information);
  void handle_status(const amf0::Object* information);
  void refuse(const amf0::Object* information);
  void finish(ClientAction last);
  void send(ByteWriter&& bytes);
  // A text of the server that may be shown.
  std::string shown(std::string_view text) const;

  ClientState& state_;
  std::vector<ClientAction>& out_;
};

// FCUnpublish and deleteStream.
void append_finish(const ClientState& state, ByteWriter& out);

}  // namespace millrace::rtmp
