// A blocking RTMP client for test programs, on the library's chunk reader and writer.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtmp/chunk_reader.hpp"
#include "rtmp/command.hpp"
#include "socket.hpp"

namespace millrace::tools {

// rtmp://host[:port]/app/name
struct Url {
  std::string host;
  std::uint16_t port = 1935;
  std::string app;
  std::string name;

  static Url parse(const std::string& text);
};

struct Received {
  rtmp::MessageHeader header;
  Bytes body;
};

// The code of an onStatus (or of the information in a _result); empty for anything else.
std::string status_code(const Received& message);

class Client : private rtmp::ChunkSink {
 public:
  enum class Handshake { kSimple, kDigest };

  Client(const Url& url, Handshake handshake);

  // Enhanced RTMP: codecs ("*" for all) and capsEx that connect announces.
  void announce(const std::string& comma_separated_codecs, double caps_ex);

  // Each waits for the server's answer and ends the program when it is no.
  void connect(std::string_view flash_version);
  void create_stream();
  void publish();
  void play();
  // Commands that nobody waits for.
  void call(std::string_view name, double transaction, std::initializer_list<rtmp::amf0::Value> arguments,
            bool on_stream = false);

  void set_chunk_size(std::uint32_t size);
  // Type 0 header. False when the server is gone.
  bool send(const rtmp::MessageHeader& header, ByteView body);
  bool send_raw(ByteView bytes) { return socket_.send(bytes); }

  // The next message, control messages left out; nullopt at the end (ended()) or after timeout_ms.
  std::optional<Received> next(int timeout_ms);
  bool ended() const { return ended_; }
  // Takes in and drops what the server says, without waiting; the code of the last status in it.
  std::string drain();

  Socket& socket() { return socket_; }
  std::uint32_t chunk_size() const { return chunk_size_; }
  std::uint64_t received_bytes() const { return received_; }

 private:
  Result<void> message_begin(std::size_t slot, const rtmp::MessageHeader& header) override;
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override;
  Result<void> message_end(std::size_t slot) override;

  void shake_hands(Handshake handshake);
  bool read_some(int timeout_ms);
  void wait_status(std::string_view wanted);

  Url url_;
  std::vector<rtmp::amf0::Property> announced_;
  Socket socket_;
  rtmp::SessionLimits limits_;
  rtmp::ChunkReader reader_{limits_};
  std::vector<Received> open_;
  std::deque<Received> queue_;
  Bytes buffer_ = Bytes(256 << 10);
  std::uint32_t chunk_size_ = 128;
  std::uint64_t received_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint32_t window_ = 0;
  bool ended_ = false;
};

}  // namespace millrace::tools
