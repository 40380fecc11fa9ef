// Drives a ClientSession in tests: one line an action, media summed up; plus what a server answers, as bytes.
#pragma once

#include <string>
#include <vector>

#include "rtmp/client_bytes.hpp"
#include "rtmp/client_session.hpp"

namespace millrace::rtmp::testing {

// S0, S1 and S2 of the simple handshake.
inline Bytes server_handshake() {
  return simple_handshake();  // the same form
}

// Answers until a stream is accepted, as servers send them whatever they were asked.
inline Bytes server_script(ClientUse use, double stream_id = 1) {
  const char* started = use == ClientUse::kPublish ? "NetStream.Publish.Start" : "NetStream.Play.Start";
  return server_handshake() + control(MessageType::kWindowAcknowledgementSize, 2'500'000) +
         command("_result", 1,
                 {object({{"fmsVer", "FMS/3,0,1,123"}}),
                  object({{"level", "status"}, {"code", "NetConnection.Connect.Success"}})}) +
         command("_result", 4, {amf0::Null{}, stream_id}) +
         command("onStatus", 0, {amf0::Null{}, object({{"level", "status"}, {"code", started}})}, 1);
}

class ClientDriver {
 public:
  explicit ClientDriver(ClientRequest request, const SessionLimits& limits = {})
      : limits_(limits), session_(std::move(request), 0x1234'5678'9ABC, limits) {
    sent = session_.begin();
  }

  void feed(ByteView bytes) {
    std::vector<ClientAction> actions;
    session_.receive(bytes, actions);
    for (const ClientAction& action : actions)
      std::visit([this](const auto& each) { perform(each); }, action);
  }
  void feed(ByteView bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes.size(); at += step)
      feed(bytes.subspan(at, std::min(step, bytes.size() - at)));
  }
  void save_and_restore() {
    auto restored = ClientSession::restore(session_.save(), limits_);
    if (!restored) {
      events.push_back("restore failed");
      return;
    }
    session_ = std::move(*restored);
  }
  ClientSession& session() { return session_; }
  Bytes take_sent() { return std::exchange(sent, {}); }

  std::vector<std::string> events;
  Bytes sent;

 private:
  void note(std::string text) { events.push_back(std::move(text)); }
  void perform(const SendBytes& action) { sent.insert(sent.end(), action.bytes.begin(), action.bytes.end()); }
  void perform(const Ready& action) { note("ready " + std::to_string(action.message_stream_id)); }
  void perform(const Refused& action) { note("refused " + action.code + " " + action.description); }
  void perform(const Redirected& action) { note("redirected " + action.tc_url); }
  void perform(const Challenged& action) { note("challenged " + action.authentication); }
  void perform(const ReconnectRequested& action) {
    note("reconnect " + action.tc_url + " " + action.description);
  }
  void perform(const StatusReceived& action) { note("status " + action.code + " " + action.description); }
  void perform(const Ended& action) { note("ended " + action.code + " " + action.description); }
  void perform(const MessageBegin& action) {
    size_ = action.size;
    left_ = action.size;
    type_ = static_cast<int>(action.type);
    time_ = action.timestamp_ms;
  }
  void perform(const MessageBytes& action) { left_ -= static_cast<std::int64_t>(action.bytes.size()); }
  void perform(const MessageEnd&) {
    note("message " + std::to_string(type_) + " time " + std::to_string(time_) + " size " +
         std::to_string(size_) + (left_ == 0 ? "" : " wrong"));
  }
  void perform(const MessageAborted&) { note("aborted"); }
  void perform(const PingAnswered&) { note("pong"); }
  void perform(const Close& action) { note("close " + std::string(action.error.code)); }

  SessionLimits limits_;
  ClientSession session_;
  std::int64_t left_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t time_ = 0;
  int type_ = 0;
};

}  // namespace millrace::rtmp::testing
