#include "rtmp/server_session.hpp"

#include <utility>

#include "rtmp/chunk_writer.hpp"
#include "rtmp/command_handler.hpp"
#include "rtmp/control_messages.hpp"
#include "rtmp/message_receiver.hpp"
#include "rtmp/session_state.hpp"

namespace millrace::rtmp {

namespace {

constexpr std::uint8_t kSnapshotVersion = 4;

using Use = MessageStream::Use;

// Commands of a client, up to a publish that waits for its answer.
class ServerReceiver final : public MessageReceiver {
 public:
  ServerReceiver(SessionState& state, std::vector<Action>& out)
      : MessageReceiver(state, Use::kPublishing, out),
        state_(state),
        out_(out),
        waits_(state.publish_waits()) {}
  bool wants_more() const override { return !waits_; }

 private:
  Result<void> handle_command(const Command& command, std::uint32_t message_stream_id) override {
    auto handled = CommandHandler(state_, out_).handle(command, message_stream_id);
    waits_ = state_.publish_waits();
    return handled;
  }
  void media_dropped(const MessageHeader& header) override {
    // Before connect was answered no status could be read: our chunk size was not announced.
    if (!state_.connected || std::exchange(state_.told_of_dropped_media, true)) return;
    out_.emplace_back(MediaDropped{header.message_stream_id});
  }

  SessionState& state_;
  std::vector<Action>& out_;
  bool waits_;
};

Result<void> receive_bytes(SessionState& state, ByteView& bytes, std::vector<Action>& out) {
  if (!state.handshake.done()) {
    Bytes reply;
    auto shaken = state.handshake.receive(bytes, reply);
    send(reply, out);
    if (!shaken) return shaken;
  }
  ServerReceiver receiver(state, out);
  return state.chunks.receive(bytes, state.limits, receiver);
}

// The stream if it is used like that, else null.
MessageStream* find_used(SessionState& state, std::uint32_t id, Use use) {
  MessageStream* stream = state.closed ? nullptr : state.find_stream(id);
  return stream != nullptr && stream->use == use ? stream : nullptr;
}

Bytes status_bytes(const SessionState& state, std::uint32_t id, StatusLevel level, std::string_view code,
                   std::string_view description) {
  ByteWriter out;
  append_status(id, level, code, description, state.send_chunk_size, out);
  return out.take();
}

}  // namespace

ServerSession::ServerSession(const SessionLimits& limits, std::uint64_t seed)
    : state_(std::make_unique<SessionState>(limits, seed)) {}
ServerSession::ServerSession(std::unique_ptr<SessionState> state) : state_(std::move(state)) {}
ServerSession::~ServerSession() = default;
ServerSession::ServerSession(ServerSession&&) noexcept = default;
ServerSession& ServerSession::operator=(ServerSession&&) noexcept = default;

std::size_t ServerSession::receive(ByteView bytes, std::vector<Action>& out) {
  if (state_->closed) return bytes.size();
  ByteView rest = bytes;
  auto received = receive_bytes(*state_, rest, out);
  state_->received += bytes.size() - rest.size();
  send_acknowledgements(*state_, out);
  if (received) return bytes.size() - rest.size();
  state_->closed = true;
  out.emplace_back(Close{std::move(received.error())});
  return bytes.size();
}

Bytes ServerSession::accept_publish(std::uint32_t message_stream_id) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPublishRequested);
  if (stream == nullptr) return {};
  stream->use = Use::kPublishing;
  state_->told_of_dropped_media = false;
  ByteWriter out;
  append_user_control({UserControlEvent::kStreamBegin, message_stream_id}, out);
  append_status(message_stream_id, StatusLevel::kStatus, status::kPublishStart, "Publishing.",
                state_->send_chunk_size, out);
  return out.take();
}

Bytes ServerSession::reject_publish(std::uint32_t message_stream_id, std::string_view code,
                                    std::string_view description) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPublishRequested);
  if (stream == nullptr) return {};
  stream->use = Use::kIdle;
  return status_bytes(*state_, message_stream_id, StatusLevel::kError, code, description);
}

Bytes ServerSession::end_publish(std::uint32_t message_stream_id, std::string_view code,
                                 std::string_view description) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPublishing);
  if (stream == nullptr) return {};
  stream->use = Use::kIdle;
  state_->told_of_dropped_media = true;  // what still comes is no news
  drop_open_messages(*state_, message_stream_id, nullptr);
  return status_bytes(*state_, message_stream_id, StatusLevel::kError, code, description);
}

Bytes ServerSession::accept_play(std::uint32_t message_stream_id) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPlayRequested);
  if (stream == nullptr) return {};
  stream->use = Use::kPlaying;
  ByteWriter out;
  append_user_control({UserControlEvent::kStreamBegin, message_stream_id}, out);
  append_status(message_stream_id, StatusLevel::kStatus, status::kPlayReset, "Playing and resetting.",
                state_->send_chunk_size, out);
  append_status(message_stream_id, StatusLevel::kStatus, status::kPlayStart, "Started playing.",
                state_->send_chunk_size, out);
  return out.take();
}

Bytes ServerSession::reject_play(std::uint32_t message_stream_id, std::string_view code,
                                 std::string_view description) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPlayRequested);
  if (stream == nullptr) return {};
  stream->use = Use::kIdle;
  return status_bytes(*state_, message_stream_id, StatusLevel::kError, code, description);
}

Bytes ServerSession::end_play(std::uint32_t message_stream_id, std::string_view code,
                              std::string_view description) {
  MessageStream* stream = find_used(*state_, message_stream_id, Use::kPlaying);
  if (stream == nullptr) return {};
  stream->use = Use::kIdle;
  stream->wishes = {};
  ByteWriter out;
  append_user_control({UserControlEvent::kStreamEof, message_stream_id}, out);
  append_status(message_stream_id, StatusLevel::kStatus, code, description, state_->send_chunk_size, out);
  return out.take();
}

Bytes ServerSession::unpublish_notify(std::uint32_t message_stream_id) const {
  if (find_used(*state_, message_stream_id, Use::kPlaying) == nullptr) return {};
  ByteWriter out;
  append_status(message_stream_id, StatusLevel::kStatus, status::kPlayUnpublishNotify,
                "The publisher has left.", state_->send_chunk_size, out);
  append_user_control({UserControlEvent::kStreamEof, message_stream_id}, out);
  return out.take();
}

Bytes ServerSession::publish_notify(std::uint32_t message_stream_id) const {
  if (find_used(*state_, message_stream_id, Use::kPlaying) == nullptr) return {};
  ByteWriter out;
  append_user_control({UserControlEvent::kStreamBegin, message_stream_id}, out);
  append_status(message_stream_id, StatusLevel::kStatus, status::kPlayStart, "The publisher is back.",
                state_->send_chunk_size, out);
  return out.take();
}

Bytes ServerSession::status(std::uint32_t message_stream_id, StatusLevel level, std::string_view code,
                            std::string_view description) const {
  return status_bytes(*state_, message_stream_id, level, code, description);
}

Bytes ServerSession::reconnect_request(std::string_view tc_url, std::string_view description) const {
  if (state_->closed || !state_->capabilities.reconnects()) return {};
  amf0::Object information =
      status_information(StatusLevel::kStatus, status::kConnectReconnectRequest, description);
  if (!tc_url.empty()) information.properties.push_back({"tcUrl", tc_url});
  ByteWriter out;
  append_command(0, "onStatus", 0, {amf0::Null{}, std::move(information)}, state_->send_chunk_size, out);
  return out.take();
}

Bytes ServerSession::ping_request(std::uint32_t timestamp) {
  ByteWriter out;
  append_user_control({UserControlEvent::kPingRequest, timestamp}, out);
  return out.take();
}

PlayWishes ServerSession::wishes(std::uint32_t message_stream_id) const {
  const MessageStream* stream = state_->find_stream(message_stream_id);
  return stream != nullptr ? stream->wishes : PlayWishes{};
}
std::uint32_t ServerSession::send_chunk_size() const {
  return state_->send_chunk_size;
}

bool ServerSession::closed() const {
  return state_->closed;
}
bool ServerSession::connected() const {
  return state_->connected;
}
const PeerCapabilities& ServerSession::capabilities() const {
  return state_->capabilities;
}
std::uint64_t ServerSession::received_bytes() const {
  return state_->received;
}

Bytes ServerSession::save() const {
  ByteWriter out;
  out.u8(kSnapshotVersion);
  state_->save(out);
  return out.take();
}

Result<ServerSession> ServerSession::restore(ByteView saved, const SessionLimits& limits) {
  ByteReader reader(saved);
  auto state = std::make_unique<SessionState>(limits, 0);
  if (reader.u8() != kSnapshotVersion || !state->restore(reader)) {
    return fail("rtmp.snapshot", "not a saved session of this version");
  }
  return ServerSession(std::move(state));
}

}  // namespace millrace::rtmp
