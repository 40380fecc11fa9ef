// A small blocking RTMP client for tests: one connection, commands, media, and what the server says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "net/unique_fd.hpp"
#include "rtmp/amf0.hpp"
#include "rtmp/chunk_reader.hpp"

namespace millrace::ingest::testing {

struct ReceivedMessage {
  rtmp::MessageHeader header;
  Bytes body;
};

class RtmpClient {
 public:
  static constexpr std::chrono::seconds kPatience{20};
  static constexpr std::uint32_t kChunkSize = 65'536;  // of what it sends

  // Connects; receive_buffer > 0 makes a slow reader with a small window.
  explicit RtmpClient(std::uint16_t port, int receive_buffer = 0);
  ~RtmpClient();
  RtmpClient(const RtmpClient&) = delete;
  RtmpClient& operator=(const RtmpClient&) = delete;

  int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }
  void send_bytes(ByteView bytes);
  // What work sends leaves in one segment.
  void in_one_segment(const std::function<void()>& work);
  void send(rtmp::MessageType type, std::uint32_t timestamp_ms, const Bytes& body,
            std::uint32_t message_stream_id = 1);

  void handshake();
  // Properties of connect's object beside the usual ones.
  std::vector<rtmp::amf0::Property> announced;
  void connect(const std::string& app = "live");
  void create_stream();
  void publish(const std::string& key);  // all of the above and the command; does not wait for the answer
  void play(const std::string& name);
  // A command of message stream 1 with null for its object; without an answer.
  void say(const std::string& command, const std::vector<rtmp::amf0::Value>& arguments);
  // Whatever was said before has been taken when this returns; what came meanwhile is passed over.
  void say_and_wait(const std::string& command, const std::vector<rtmp::amf0::Value>& arguments);

  // The next message; nullopt at the end of the connection or of the patience.
  std::optional<ReceivedMessage> receive();
  // Messages are passed over until one fits.
  std::optional<ReceivedMessage> receive_until(const std::function<bool(const ReceivedMessage&)>& fits);
  // The code of the next onStatus; empty at the end of the connection.
  std::string next_status();
  // The next audio or video message that is no sequence header.
  std::optional<ReceivedMessage> next_frame();
  // True when the server closes within the patience.
  bool closed_by_server();
  // True when the server resets the connection within the patience; what came before is passed over.
  bool reset_by_server();

 private:
  class Sink;
  bool fill();

  net::UniqueFd socket_;
  std::optional<Bytes> gathered_;
  std::unique_ptr<rtmp::ChunkReader> reader_;
  std::unique_ptr<Sink> sink_;
  double transaction_ = 1;
};

}  // namespace millrace::ingest::testing
