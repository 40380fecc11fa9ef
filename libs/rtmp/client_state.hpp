// Everything a client session knows. Private to the session's files.
#pragma once

#include "rtmp/client_handshake.hpp"
#include "rtmp/client_session.hpp"
#include "rtmp/session_state.hpp"

namespace millrace::rtmp {

enum class ClientPhase : std::uint8_t { kHandshake, kConnecting, kCreating, kStarting, kRunning, kOver };

struct ClientState : MessageState {
  ClientState(const SessionLimits& session_limits, std::uint64_t session_seed)
      : MessageState(session_limits), handshake(session_seed), seed(session_seed) {}

  ClientHandshake handshake;
  std::uint64_t seed;
  ClientRequest request;
  ClientPhase phase = ClientPhase::kHandshake;
  PeerCapabilities capabilities;  // of connect's _result

  MessageStream::Use use() const {
    return request.use == ClientUse::kPlay ? MessageStream::Use::kPlaying : MessageStream::Use::kPublishing;
  }
  // Of the stream that createStream gave; 0 before.
  std::uint32_t stream_id() const { return streams.empty() ? 0 : streams.front().id; }

  void save(ByteWriter& out) const;
  bool restore(ByteReader& reader);
};

}  // namespace millrace::rtmp
