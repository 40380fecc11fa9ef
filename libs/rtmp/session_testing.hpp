// Drives a ServerSession in tests: accepts every publish and play, collects messages and what is sent.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "rtmp/server_session.hpp"

namespace millrace::rtmp::testing {

class SessionDriver {
 public:
  explicit SessionDriver(const SessionLimits& limits = {}) : limits_(limits), session_(limits, 7) {}

  // One read of the shell: receive, perform all actions, and go on with what a request's answer let wait.
  void feed(ByteView bytes) {
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    resume();
  }
  // Behind an answer that the test gave.
  void resume() {
    for (std::size_t taken = 1; taken > 0 && !held_.empty();) {
      std::vector<Action> actions;
      const Bytes bytes = held_;
      taken = session_.receive(bytes, actions);
      held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
      for (const Action& action : actions) std::visit([this](const auto& each) { perform(each); }, action);
    }
  }
  // The same, in reads of that many bytes.
  void feed(ByteView bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes.size(); at += step)
      feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
  }
  void save_and_restore() {
    auto restored = ServerSession::restore(session_.save(), limits_);
    if (!restored) {
      events.push_back("restore failed");
      return;
    }
    session_ = std::move(*restored);
  }

  ServerSession& session() { return session_; }

  bool accepts = true;
  // One line per message and event, with times, sizes and checksums.
  std::vector<std::string> events;
  Bytes sent;

 private:
  struct Open {
    MessageBegin begin;
    std::size_t size = 0;
    std::uint64_t checksum = 14695981039346656037ULL;  // FNV-1a
  };

  void note(std::string text) { events.push_back(std::move(text)); }
  void perform(const SendBytes& action) { sent.insert(sent.end(), action.bytes.begin(), action.bytes.end()); }
  void perform(const PublishRequested& action) {
    note("publish " + std::to_string(action.message_stream_id) + " " + action.app + " " + action.name + " " +
         action.query + " " + action.type);
    if (accepts) perform(SendBytes{session_.accept_publish(action.message_stream_id)});
  }
  void perform(const PlayRequested& action) {
    note("play " + std::to_string(action.message_stream_id) + " " + action.app + " " + action.name + " " +
         action.query);
    if (accepts) perform(SendBytes{session_.accept_play(action.message_stream_id)});
  }
  void perform(const MessageBegin& action) {
    if (!open_.emplace(action.chunk_stream_id, Open{action}).second) note("begin in an open message");
  }
  void perform(const MessageBytes& action) {
    const auto open = open_.find(action.chunk_stream_id);
    if (open == open_.end()) return note("bytes without begin");
    open->second.size += action.bytes.size();
    for (const std::uint8_t byte : action.bytes) {
      open->second.checksum = (open->second.checksum ^ byte) * 1099511628211ULL;
    }
  }
  void perform(const MessageEnd& action) {
    const auto open = open_.find(action.chunk_stream_id);
    if (open == open_.end()) return note("end without begin");
    const MessageBegin& begin = open->second.begin;
    if (open->second.size != begin.size) note("size differs from begin's");
    note("message " + std::to_string(static_cast<int>(begin.type)) + " time " +
         std::to_string(begin.timestamp_ms) + " size " + std::to_string(begin.size) + " stream " +
         std::to_string(begin.message_stream_id) + " sum " + std::to_string(open->second.checksum));
    open_.erase(open);
  }
  void perform(const MessageAborted& action) {
    note("aborted " + std::to_string(action.chunk_stream_id));
    open_.erase(action.chunk_stream_id);
  }
  void perform(const PublishEnded& action) {
    note("publish ended " + std::to_string(action.message_stream_id));
  }
  void perform(const PlayEnded& action) { note("play ended " + std::to_string(action.message_stream_id)); }
  void perform(const PlayChanged& action) {
    note("play changed " + std::to_string(action.message_stream_id) +
         (action.wishes.paused ? " paused" : "") + (action.wishes.audio ? "" : " no audio") +
         (action.wishes.video ? "" : " no video"));
  }
  void perform(const MediaDropped& action) {
    note("media dropped " + std::to_string(action.message_stream_id));
  }
  void perform(const PingAnswered& action) { note("pong " + std::to_string(action.timestamp)); }
  void perform(const Close& action) { note("close " + std::string(action.error.code)); }

  SessionLimits limits_;
  ServerSession session_;
  Bytes held_;
  std::map<std::uint32_t, Open> open_;
};

}  // namespace millrace::rtmp::testing
