// The client's side of one RTMP connection: publishes one stream to a server, or plays one from it. Sans-IO:
// bytes in, actions out.
//
//   handshake ──> connecting ──> creating ──> starting ──publish accepted, play started──> running
//   any of them ──refused, redirected, challenged, ended──> over: what still comes is ignored
//
// Owner: the connection's shell, one thread at a time. Holds plain data only: save() and restore() at any
// byte continue as if nothing had happened (what is saved holds the stream's name and the password). Media of
// a published stream is written by the shell, after Ready, in chunks of kClientChunkSize; media of a played
// one comes as MessageBegin, MessageBytes, MessageEnd as in server_session.hpp. Specification: Adobe
// RTMP 1.0, 7; Enhanced RTMP v2, connect and reconnect request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/capabilities.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/server_session.hpp"
#include "rtmp/url.hpp"

namespace millrace::rtmp {

// What we announce and write: as ffmpeg does, so every server takes it (some refuse more than 64 KiB).
inline constexpr std::uint32_t kClientChunkSize = 60'000;

enum class ClientUse : std::uint8_t { kPublish, kPlay };

struct ClientRequest {
  ClientUse use = ClientUse::kPublish;
  std::string app;
  std::string tc_url;
  std::string name;  // with query; a secret where it is published
  std::string user;
  std::string password;
  // What Challenged gave on the connection before; follows app and tcUrl.
  std::string authentication;
  std::string flash_version = "FMLE/3.0 (compatible; Millrace)";
  // Enhanced RTMP, connect: codecs that may be sent or taken, and capsEx (capabilities.hpp).
  std::vector<std::string> four_ccs;
  std::uint32_t caps_ex = 0;  // kCaps… of capabilities.hpp
};
ClientRequest client_request(const Url& url, ClientUse use);

// Texts of the server below are cut to 256 bytes; where one holds our stream name or password it is replaced.
// Publish: media may be sent on this message stream. Play: media comes.
struct Ready {
  std::uint32_t message_stream_id = 0;
  PeerCapabilities capabilities;  // the server's, as far as it announced any
};
// connect, createStream, publish or play was refused. code: the server's, such as
// "NetStream.Publish.BadName"; empty if it gave none.
struct Refused {
  std::string code;
  std::string description;
};
// Connect to this URL instead (connect's _error with ex.code 302); a tcUrl: the stream's name stays. From the
// server: check before use.
struct Redirected {
  std::string tc_url;
};
// Connect again with this as ClientRequest::authentication (a secret).
struct Challenged {
  std::string authentication;
};
// The server asks to reconnect soon, to tc_url or, if that is empty, as before (Enhanced RTMP v2). The
// connection goes on meanwhile.
struct ReconnectRequested {
  std::string tc_url;
  std::string description;
};
// A status of the running stream that ends nothing: Play.UnpublishNotify, Play.PublishNotify, a warning.
struct StatusReceived {
  std::string code;
  std::string description;
};
// The server ended the running stream or the connection.
struct Ended {
  std::string code;
  std::string description;
};

using ClientAction =
    std::variant<MessageBytes, MessageBegin, MessageEnd, MessageAborted, SendBytes, Ready, Refused,
                 Redirected, Challenged, ReconnectRequested, StatusReceived, Ended, PingAnswered, Close>;

struct ClientState;

class ClientSession {
 public:
  // seed fills the handshake and the answer to a challenge: random per connection.
  ClientSession(ClientRequest request, std::uint64_t seed, const SessionLimits& limits = {});
  ~ClientSession();
  ClientSession(ClientSession&&) noexcept;
  ClientSession& operator=(ClientSession&&) noexcept;

  // What is sent first. Call once.
  Bytes begin() const;
  // Consumes all bytes and appends what is to be done. Refused, Redirected, Challenged, Ended and Close are
  // last actions: the shell closes.
  void receive(ByteView bytes, std::vector<ClientAction>& out);
  // Ends the stream in good order (FCUnpublish, deleteStream): send, then close. Empty when nothing runs.
  Bytes finish();

  bool running() const;
  bool over() const;
  std::uint64_t received_bytes() const;

  Bytes save() const;
  static Result<ClientSession> restore(ByteView saved, const SessionLimits& limits = {});

 private:
  explicit ClientSession(std::unique_ptr<ClientState> state);

  std::unique_ptr<ClientState> state_;
};

}  // namespace millrace::rtmp
