// A shell around a ServerSession that trusts it in nothing: every action must fit those before it, and after
// every read the state must be what the actions say. A fault aborts the program, as fuzzers want it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rtmp/server_session.hpp"
#include "rtmp/session_script.hpp"
#include "rtmp/session_state.hpp"

namespace millrace::rtmp::testing {

class SessionChecker {
 public:
  explicit SessionChecker(const SessionLimits& limits) : limits_(limits), session_(limits, 7) {}

  // What the session leaves for after its answer waits with whatever comes then.
  void read(ByteView bytes) {
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    resume();
  }

  void turn(const ServerTurn& turn) {
    using What = ServerTurn::What;
    const std::uint32_t id = turn.message_stream_id;
    const Use use = use_of(id);
    Bytes bytes;
    switch (turn.what) {
      case What::kAcceptPublish:
        bytes = session_.accept_publish(id);
        answer(id, bytes, use == Use::kPublishRequested, Use::kPublishing);
        if (use == Use::kPublishRequested) media_dropped_ = false;
        break;
      case What::kRejectPublish:
        bytes = session_.reject_publish(id, status::kPublishDenied, "no");
        answer(id, bytes, use == Use::kPublishRequested, Use::kIdle);
        break;
      case What::kAcceptPlay:
        bytes = session_.accept_play(id);
        answer(id, bytes, use == Use::kPlayRequested, Use::kPlaying);
        break;
      case What::kRejectPlay:
        bytes = session_.reject_play(id, status::kPlayFailed, "no");
        answer(id, bytes, use == Use::kPlayRequested, Use::kIdle);
        break;
      case What::kEndPublish:
        bytes = session_.end_publish(id, status::kUnpublishSuccess, "end");
        answer(id, bytes, use == Use::kPublishing, Use::kIdle);
        if (use == Use::kPublishing) media_dropped_ = true;
        if (use == Use::kPublishing)
          std::erase_if(open_, [id](const auto& o) { return o.second.stream == id; });
        break;
      case What::kEndPlay:
        bytes = session_.end_play(id, status::kPlayStop, "end");
        answer(id, bytes, use == Use::kPlaying, Use::kIdle);
        break;
      case What::kNotify:
        bytes = session_.unpublish_notify(id);
        break;
      case What::kReconnect:
        bytes = session_.reconnect_request({}, "elsewhere");
        break;
      case What::kCount:
        break;
    }
    note("answer " + std::to_string(bytes.size()));
    resume();
  }

  // Goes on as another process would.
  void move() {
    const Bytes saved = session_.save();
    auto restored = ServerSession::restore(saved, limits_);
    require(restored.has_value(), "a saved session is restored");
    require(restored->save() == saved, "restored and saved again it is the same");
    session_ = std::move(*restored);
  }

  // The accounts of open bytes, within their limits; a closed session has none to keep.
  void check() const {
    if (session_.closed()) return;
    SessionState state(limits_, 0);
    const Bytes saved = session_.save();
    ByteReader reader(ByteView(saved).subspan(1));  // behind the version
    require(state.restore(reader), "the state is restored");
    std::uint64_t media = 0;
    std::uint64_t commands = 0;
    for (const Assembly& assembly : state.assemblies) {
      if (holds_media(assembly)) media += assembly.header.size;
      if (assembly.mode == Assembly::Mode::kCollect) commands += assembly.header.size;
      require(assembly.body.size() <= limits_.max_command_bytes, "a command beyond its limit");
    }
    require(media == state.open_media_bytes, "open media bytes");
    require(commands == state.open_command_bytes, "open command bytes");
    require(media <= limits_.max_open_media_bytes && commands <= limits_.max_open_command_bytes,
            "too much open");
    require(state.streams.size() <= limits_.max_message_streams, "too many streams");
    for (const MessageStream& stream : state.streams)
      require(stream.use == use_of(stream.id), "a stream's use");
    require(state.assemblies.size() <= limits_.max_chunk_streams, "too many chunk streams");
    require(state.received - state.acknowledged < state.acknowledgement_window, "an acknowledgement is due");
  }

  // All that was done, without regard to how the bytes were cut.
  const std::string& log() const { return log_; }

 private:
  using Use = MessageStream::Use;
  struct Open {
    MessageType type{};
    std::uint32_t size = 0;
    std::uint32_t stream = 0;
    std::uint32_t received = 0;
    std::uint64_t checksum = 14695981039346656037ULL;  // FNV-1a
  };

  // As the shell does it: nothing is given to a session while a publish waits.
  void resume() {
    while (!held_.empty() && !publish_waits()) {
      const Bytes bytes = std::exchange(held_, {});
      const std::size_t taken = receive(bytes);
      held_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
      require(held_.empty() || publish_waits(), "bytes left unread");
    }
    if (held_.empty()) return;
    const std::uint64_t before = session_.received_bytes();
    require(receive(held_) == 0 && session_.received_bytes() == before, "bytes taken before the answer");
  }
  std::size_t receive(ByteView bytes) {
    std::vector<Action> actions;
    const std::uint64_t before = session_.received_bytes();
    const bool was_closed = session_.closed();
    const std::size_t taken = session_.receive(bytes, actions);
    require(!was_closed || actions.empty(), "an action after Close");
    require(!publish_waits() || actions.empty(), "an action before the answer");
    for (const Action& action : actions) {
      require(!closed_, "an action behind Close");
      require(!publish_waits() || std::holds_alternative<SendBytes>(action), "an action behind a publish");
      std::visit([this](const auto& each) { perform(each); }, action);
    }
    require(closed_ == session_.closed(), "closed() and Close");
    require(taken <= bytes.size(), "more taken than there was");
    require(session_.received_bytes() <= before + taken, "more received than there was");
    require(closed_ || session_.received_bytes() == before + taken, "bytes taken and not counted");
    return taken;
  }
  bool publish_waits() const {
    return !closed_ && std::any_of(uses_.begin(), uses_.end(),
                                   [](const auto& use) { return use.second == Use::kPublishRequested; });
  }
  static void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "session: %s\n", what);
    std::abort();
  }
  void note(const std::string& line) { log_ += line + "\n"; }
  Use use_of(std::uint32_t id) const {
    const auto found = uses_.find(id);
    return found == uses_.end() ? Use::kIdle : found->second;
  }
  // An answer does something exactly when it was asked for.
  void answer(std::uint32_t id, const Bytes& bytes, bool due, Use then) {
    if (session_.closed()) return;
    require(due || bytes.empty(), "an answer that nobody asked for");
    require(!due || !bytes.empty(), "no answer");
    if (due) uses_[id] = then;
  }

  void perform(const SendBytes& action) { require(!action.bytes.empty(), "nothing to send"); }
  void perform(const PublishRequested& action) {
    require(use_of(action.message_stream_id) == Use::kIdle, "publish of a stream in use");
    require(action.name.size() <= limits_.max_text_bytes, "a name out of bounds");
    uses_[action.message_stream_id] = Use::kPublishRequested;
    note("publish " + std::to_string(action.message_stream_id) + " " + action.app + "/" + action.name + "?" +
         action.query);
  }
  void perform(const PlayRequested& action) {
    require(use_of(action.message_stream_id) == Use::kIdle, "play of a stream in use");
    require(action.name.size() <= limits_.max_text_bytes, "a name out of bounds");
    uses_[action.message_stream_id] = Use::kPlayRequested;
    note("play " + std::to_string(action.message_stream_id) + " " + action.app + "/" + action.name);
  }
  void perform(const PublishEnded& action) {
    const Use use = use_of(action.message_stream_id);
    require(use == Use::kPublishing, "the end of no publish");
    for (const auto& [id, open] : open_)
      require(open.stream != action.message_stream_id, "a message left open");
    uses_[action.message_stream_id] = Use::kIdle;
    media_dropped_ = true;
    note("unpublish " + std::to_string(action.message_stream_id));
  }
  void perform(const PlayEnded& action) {
    const Use use = use_of(action.message_stream_id);
    require(use == Use::kPlayRequested || use == Use::kPlaying, "the end of no play");
    uses_[action.message_stream_id] = Use::kIdle;
    note("unplay " + std::to_string(action.message_stream_id));
  }
  void perform(const PlayChanged& action) {
    require(use_of(action.message_stream_id) == Use::kPlaying, "a change of no play");
    note("changed " + std::to_string(action.message_stream_id));
  }
  void perform(const MessageBegin& action) {
    require(action.type == MessageType::kAudio || action.type == MessageType::kVideo ||
                action.type == MessageType::kData,
            "a message that is no media");
    require(use_of(action.message_stream_id) == Use::kPublishing, "media of a stream that is not published");
    require(action.size <= limits_.max_media_bytes, "a message beyond its limit");
    const auto [open, fresh] =
        open_.emplace(action.chunk_stream_id, Open{action.type, action.size, action.message_stream_id});
    require(fresh, "a message within a message");
    note("begin " + std::to_string(action.chunk_stream_id) + " " + std::to_string(action.timestamp_ms));
  }
  void perform(const MessageBytes& action) {
    const auto open = open_.find(action.chunk_stream_id);
    require(open != open_.end(), "bytes of no message");
    require(!action.bytes.empty(), "bytes that are none");
    Open& message = open->second;
    for (const std::uint8_t byte : action.bytes)
      message.checksum = (message.checksum ^ byte) * 1099511628211ULL;
    message.received += static_cast<std::uint32_t>(action.bytes.size());
    require(message.received <= message.size, "more bytes than announced");
  }
  void perform(const MessageEnd& action) {
    const auto open = open_.find(action.chunk_stream_id);
    require(open != open_.end(), "the end of no message");
    require(open->second.received == open->second.size, "a message that is not whole");
    note("message " + std::to_string(static_cast<int>(open->second.type)) + " " +
         std::to_string(open->second.checksum));
    open_.erase(open);
  }
  void perform(const MessageAborted& action) {
    require(open_.erase(action.chunk_stream_id) == 1, "the abort of no message");
    note("aborted " + std::to_string(action.chunk_stream_id));
  }
  void perform(const MediaDropped& action) {
    require(!std::exchange(media_dropped_, true), "said twice");
    require(use_of(action.message_stream_id) != Use::kPublishing, "media of a publish");
    note("media dropped " + std::to_string(action.message_stream_id));
  }
  void perform(const PingAnswered& action) { note("pong " + std::to_string(action.timestamp)); }
  void perform(const Close& action) {
    require(action.error.code.starts_with("rtmp."), "an error of another layer");
    closed_ = true;
    note("close " + std::string(action.error.code));
  }

  SessionLimits limits_;
  ServerSession session_;
  bool closed_ = false;
  bool media_dropped_ = false;
  Bytes held_;
  std::map<std::uint32_t, Use> uses_;
  std::map<std::uint32_t, Open> open_;  // by chunk stream
  std::string log_;
};

}  // namespace millrace::rtmp::testing
