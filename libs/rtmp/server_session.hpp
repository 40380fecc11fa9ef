// The server's side of one RTMP connection, from the first handshake byte on. Sans-IO: bytes in, actions out.
//
// Owner: the connection's shell, one thread at a time. Holds plain data only: save() and restore() at any
// byte, in any process, continue as if nothing had happened. Media payload passes through and is never kept
// here. Specification: Adobe RTMP 1.0 (chunk stream 5, messages 6, commands 7); README.md has the table.
//
//   std::vector<Action> actions;            // kept and cleared by the shell
//   std::size_t taken = session.receive(bytes_of_one_read, actions);
//   for (Action& action : actions) …        // performed in order; SendBytes may be gathered into one send
//   send(session.accept_publish(1));        // answers to requests come whenever they are ready
//   session.receive(bytes_of_one_read.subspan(taken), actions);    // what came with the request
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "rtmp/capabilities.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/message.hpp"
#include "rtmp/play_wishes.hpp"

namespace millrace::rtmp {

// To be sent to the peer, in order with everything else that is sent to it.
struct SendBytes {
  Bytes bytes;
};

// A publish command. Answer with accept_publish or reject_publish. The session takes nothing of what comes
// behind it before that: encoders that do not wait for the answer send their media at once.
struct PublishRequested {
  std::uint32_t message_stream_id = 0;
  std::string app;  // without query, without leading and trailing slashes; from the peer: validate before use
  std::string name;    // stream name (key), without query; from the peer, perhaps empty: validate before use
  std::string query;   // what followed '?' in app and name, joined with '&'
  std::string type;    // "live" and the like
  std::string tc_url;  // connect's, as it came: may hold a key
  std::string flash_version;
};

// A play command. Answer with accept_play or reject_play.
struct PlayRequested {
  std::uint32_t message_stream_id = 0;
  std::string app;
  std::string name;
  std::string query;
  std::string tc_url;
  std::string flash_version;
};

// A media message (kAudio, kVideo, kData) of an accepted publish stream begins; exactly size bytes follow as
// MessageBytes, then MessageEnd; or MessageAborted. Messages of different chunk streams may interleave; one
// chunk stream has at most one message open.
struct MessageBegin {
  std::uint32_t chunk_stream_id = 0;
  MessageType type{};
  std::uint32_t timestamp_ms = 0;
  std::uint32_t size = 0;
  std::uint32_t message_stream_id = 0;
};
// A view into receive()'s argument; empty never.
struct MessageBytes {
  std::uint32_t chunk_stream_id = 0;
  ByteView bytes;
};
struct MessageEnd {
  std::uint32_t chunk_stream_id = 0;
};
struct MessageAborted {
  std::uint32_t chunk_stream_id = 0;
};

// The peer ended a publish that was accepted, or a play that was or still waits for its answer. Open messages
// of the stream have been aborted before.
struct PublishEnded {
  std::uint32_t message_stream_id = 0;
};
struct PlayEnded {
  std::uint32_t message_stream_id = 0;
};

// A player has changed its mind about a stream whose play was accepted. It has been answered already. For
// what it said before: ServerSession::wishes.
struct PlayChanged {
  std::uint32_t message_stream_id = 0;
  PlayWishes wishes;
};

// Sound or picture came that belongs to no publish and is dropped. Said once, until the next
// publish; not of what comes behind the end of one.
struct MediaDropped {
  std::uint32_t message_stream_id = 0;
};

// The peer answered ping_request(timestamp).
struct PingAnswered {
  std::uint32_t timestamp = 0;
};

// The peer broke the protocol or a limit: send what is left to send, then close. Always the last action ever;
// no MessageAborted or PublishEnded comes before it.
struct Close {
  Error error;
};

using Action =
    std::variant<MessageBytes, MessageBegin, MessageEnd, MessageAborted, SendBytes, PublishRequested,
                 PlayRequested, PublishEnded, PlayEnded, PlayChanged, MediaDropped, PingAnswered, Close>;

// Values of onStatus' "code" (Adobe RTMP 1.0, 7.2; NetStatusEvent).
namespace status {
inline constexpr std::string_view kConnectClosed = "NetConnection.Connect.Closed";
inline constexpr std::string_view kConnectReconnectRequest = "NetConnection.Connect.ReconnectRequest";
inline constexpr std::string_view kPublishStart = "NetStream.Publish.Start";
inline constexpr std::string_view kPublishBadName = "NetStream.Publish.BadName";
inline constexpr std::string_view kPublishDenied = "NetStream.Publish.Denied";
inline constexpr std::string_view kPublishTrackRefused = "NetStream.Publish.TrackRefused";
inline constexpr std::string_view kPublishMediaDropped = "NetStream.Publish.MediaDropped";
inline constexpr std::string_view kUnpublishSuccess = "NetStream.Unpublish.Success";
inline constexpr std::string_view kPlayReset = "NetStream.Play.Reset";
inline constexpr std::string_view kPlayStart = "NetStream.Play.Start";
inline constexpr std::string_view kPlayStop = "NetStream.Play.Stop";
inline constexpr std::string_view kPlayFailed = "NetStream.Play.Failed";
inline constexpr std::string_view kPlayStreamNotFound = "NetStream.Play.StreamNotFound";
inline constexpr std::string_view kPlayNoSupportedTrack = "NetStream.Play.NoSupportedTrackFound";
inline constexpr std::string_view kPlayUnpublishNotify = "NetStream.Play.UnpublishNotify";
inline constexpr std::string_view kPlayInsufficientBandwidth = "NetStream.Play.InsufficientBW";
inline constexpr std::string_view kPauseNotify = "NetStream.Pause.Notify";
inline constexpr std::string_view kUnpauseNotify = "NetStream.Unpause.Notify";
inline constexpr std::string_view kSeekFailed = "NetStream.Seek.Failed";
inline constexpr std::string_view kSeekInvalidTime = "NetStream.Seek.InvalidTime";
inline constexpr std::string_view kStreamFailed = "NetStream.Failed";
}  // namespace status

enum class StatusLevel : std::uint8_t { kStatus, kWarning, kError };

struct SessionState;

class ServerSession {
 public:
  // seed fills the random part of the handshake, which has no security value; equal seeds give equal bytes.
  explicit ServerSession(const SessionLimits& limits = {}, std::uint64_t seed = 0);
  ~ServerSession();
  ServerSession(ServerSession&&) noexcept;
  ServerSession& operator=(ServerSession&&) noexcept;

  // Appends what is to be done and returns how many of the bytes were taken: all of them, but for those
  // behind a publish that waits for its answer. The caller keeps these, reads no more, and gives them again
  // behind the answer. After a Close everything is ignored.
  [[nodiscard]] std::size_t receive(ByteView bytes, std::vector<Action>& out);

  // Answers to requests: the bytes to send. Empty when the request is gone (a play that the peer ended
  // meanwhile). accept_play's bytes are followed by media with media_chunk_header (media_message.hpp), in
  // chunks of send_chunk_size(): by default whole messages in one chunk.
  Bytes accept_publish(std::uint32_t message_stream_id);
  Bytes reject_publish(std::uint32_t message_stream_id, std::string_view code, std::string_view description);
  Bytes accept_play(std::uint32_t message_stream_id);
  Bytes reject_play(std::uint32_t message_stream_id, std::string_view code, std::string_view description);

  // The server ends a stream by itself (taken over, revoked, drained; the player's publisher is gone): the
  // media that still comes is dropped, open messages get no MessageAborted, no PublishEnded or PlayEnded
  // follows.
  Bytes end_publish(std::uint32_t message_stream_id, std::string_view code, std::string_view description);
  Bytes end_play(std::uint32_t message_stream_id, std::string_view code, std::string_view description);

  // To a player whose publisher went and may come back: UnpublishNotify and StreamEOF; the play stays
  // accepted.
  Bytes unpublish_notify(std::uint32_t message_stream_id) const;
  // To a player whose publisher is back: StreamBegin and a new Play.Start.
  Bytes publish_notify(std::uint32_t message_stream_id) const;
  // What a player has said of it so far; the defaults when there is no such stream.
  PlayWishes wishes(std::uint32_t message_stream_id) const;
  std::uint32_t send_chunk_size() const;
  Bytes status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
               std::string_view description) const;
  // E-RTMP's NetConnection.Connect.ReconnectRequest: the client is to reconnect, to tc_url (empty: where
  // it is connected to now), and goes on being served until it leaves. Empty where the client does not know
  // it.
  Bytes reconnect_request(std::string_view tc_url, std::string_view description) const;
  static Bytes ping_request(std::uint32_t timestamp);

  bool closed() const;
  // The handshake is done and connect was answered.
  bool connected() const;
  // What the client said in connect.
  const PeerCapabilities& capabilities() const;
  // Bytes consumed since the connection began, handshake included.
  std::uint64_t received_bytes() const;

  // The whole state as bytes, and back. restore refuses what save did not write ("rtmp.snapshot") without
  // harm.
  Bytes save() const;
  static Result<ServerSession> restore(ByteView saved, const SessionLimits& limits = {});

 private:
  explicit ServerSession(std::unique_ptr<SessionState> state);

  std::unique_ptr<SessionState> state_;
};

}  // namespace millrace::rtmp
