#include "rtmp_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <utility>

#include "rtmp/amf0.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/media_tag.hpp"

namespace millrace::ingest::testing {

using rtmp::MessageType;
namespace amf0 = rtmp::amf0;

namespace {

rtmp::SessionLimits limits() {
  rtmp::SessionLimits limits;
  limits.max_media_bytes = 16U << 20;
  return limits;
}

Bytes command(std::initializer_list<amf0::Value> values) {
  ByteWriter out;
  for (const amf0::Value& value : values) amf0::serialize(value, out);
  return out.take();
}

}  // namespace

class RtmpClient::Sink final : public rtmp::ChunkSink {
 public:
  explicit Sink(rtmp::ChunkReader& reader) : reader_(reader) {}
  Result<void> message_begin(std::size_t slot, const rtmp::MessageHeader& header) override {
    open_[slot] = {header, {}};
    return {};
  }
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override {
    open_[slot].body.insert(open_[slot].body.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> message_end(std::size_t slot) override {
    ReceivedMessage& message = open_[slot];
    if (message.header.type == MessageType::kSetChunkSize) {
      (void)reader_.set_chunk_size(ByteReader(message.body).u32());
    }
    done.push_back(std::move(message));
    return {};
  }
  std::deque<ReceivedMessage> done;

 private:
  rtmp::ChunkReader& reader_;
  std::map<std::size_t, ReceivedMessage> open_;
};

RtmpClient::RtmpClient(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      reader_(std::make_unique<rtmp::ChunkReader>(limits())),
      sink_(std::make_unique<Sink>(*reader_)) {
  if (receive_buffer > 0) {
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) socket_.reset();
  const int on = 1;
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RtmpClient::~RtmpClient() = default;

void RtmpClient::in_one_segment(const std::function<void()>& work) {
  gathered_.emplace();
  work();
  send_bytes(*std::exchange(gathered_, std::nullopt));
}

void RtmpClient::send_bytes(ByteView bytes) {
  if (gathered_) {
    gathered_->insert(gathered_->end(), bytes.begin(), bytes.end());
    return;
  }
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

void RtmpClient::send(MessageType type, std::uint32_t timestamp_ms, const Bytes& body,
                      std::uint32_t message_stream_id) {
  ByteWriter out;
  const std::uint32_t chunk_stream = type == MessageType::kAudio ? 4 : type == MessageType::kVideo ? 6 : 3;
  rtmp::append_message({chunk_stream, type, timestamp_ms, 0, message_stream_id}, body, kChunkSize, out);
  send_bytes(out.view());
}

void RtmpClient::handshake() {
  Bytes hello(1 + 1536, 0);
  hello[0] = 3;
  send_bytes(hello);
  Bytes answer(1 + 1536 + 1536);
  if (::recv(socket_.get(), answer.data(), answer.size(), MSG_WAITALL) != static_cast<ssize_t>(answer.size()))
    return;
  send_bytes(ByteView(answer).subspan(1, 1536));
  ByteWriter chunk_size;
  chunk_size.u32(kChunkSize);
  ByteWriter out;
  rtmp::append_message({2, MessageType::kSetChunkSize, 0, 0, 0}, chunk_size.view(), 128, out);
  send_bytes(out.view());
}

void RtmpClient::connect(const std::string& app) {
  amf0::Object object{
      amf0::Object::Kind::kAnonymous,
      {},
      {{"app", app}, {"type", "nonprivate"}, {"flashVer", "test"}, {"tcUrl", "rtmp://localhost/" + app}}};
  object.properties.insert(object.properties.end(), announced.begin(), announced.end());
  send(MessageType::kCommand, 0, command({"connect", transaction_++, object}), 0);
}

void RtmpClient::create_stream() {
  send(MessageType::kCommand, 0, command({"createStream", transaction_++, amf0::Null{}}), 0);
  // The reply to connect and this one: each a _result.
  for (int results = 0; results < 2; ++results) {
    (void)receive_until([](const ReceivedMessage& message) {
      const auto values = amf0::parse(message.body);
      return message.header.type == MessageType::kCommand && values && values->size() > 1 &&
             values->front().as<std::string>() != nullptr && *values->front().as<std::string>() == "_result";
    });
  }
}

void RtmpClient::publish(const std::string& key) {
  handshake();
  connect();
  create_stream();
  send(MessageType::kCommand, 0, command({"publish", transaction_++, amf0::Null{}, key, "live"}));
}

void RtmpClient::play(const std::string& name) {
  handshake();
  connect();
  create_stream();
  send(MessageType::kCommand, 0, command({"play", transaction_++, amf0::Null{}, name}));
}

void RtmpClient::say(const std::string& name, const std::vector<amf0::Value>& arguments) {
  ByteWriter body;
  amf0::serialize(name, body);
  amf0::serialize(0.0, body);
  amf0::serialize(amf0::Null{}, body);
  for (const amf0::Value& argument : arguments) amf0::serialize(argument, body);
  send(MessageType::kCommand, 0, body.take());
}

void RtmpClient::say_and_wait(const std::string& name, const std::vector<amf0::Value>& arguments) {
  say(name, arguments);
  const double transaction = transaction_++;
  send(MessageType::kCommand, 0, command({"getStreamLength", transaction, amf0::Null{}, "x"}), 0);
  (void)receive_until([transaction](const ReceivedMessage& message) {
    const auto values = amf0::parse(message.body);
    return message.header.type == MessageType::kCommand && values && values->size() > 1 &&
           (*values)[1].as<double>() != nullptr && *(*values)[1].as<double>() == transaction;
  });
}

bool RtmpClient::fill() {
  pollfd waiting{socket_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
  std::array<std::uint8_t, 65'536> buffer{};
  const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  ByteView bytes(buffer.data(), static_cast<std::size_t>(count));
  return reader_->receive(bytes, limits(), *sink_).has_value();
}

std::optional<ReceivedMessage> RtmpClient::receive() {
  while (sink_->done.empty()) {
    if (!fill()) return std::nullopt;
  }
  ReceivedMessage message = std::move(sink_->done.front());
  sink_->done.pop_front();
  return message;
}

std::optional<ReceivedMessage> RtmpClient::receive_until(
    const std::function<bool(const ReceivedMessage&)>& fits) {
  while (auto message = receive()) {
    if (fits(*message)) return message;
  }
  return std::nullopt;
}

std::string RtmpClient::next_status() {
  std::string code;
  (void)receive_until([&](const ReceivedMessage& message) {
    if (message.header.type != MessageType::kCommand) return false;
    const auto values = amf0::parse(message.body);
    if (!values || values->empty() || values->front().as<std::string>() == nullptr ||
        *values->front().as<std::string>() != "onStatus") {
      return false;
    }
    for (const amf0::Value& value : *values) {
      const amf0::Object* object = value.as<amf0::Object>();
      const amf0::Value* found = object != nullptr ? object->find("code") : nullptr;
      if (found != nullptr && found->as<std::string>() != nullptr) code = *found->as<std::string>();
    }
    return true;
  });
  return code;
}

std::optional<ReceivedMessage> RtmpClient::next_frame() {
  return receive_until([](const ReceivedMessage& message) {
    const auto tag = rtmp::parse_media_tag(message.header.type, message.body);
    const bool media =
        message.header.type == MessageType::kAudio || message.header.type == MessageType::kVideo;
    return media && tag && tag->kind == rtmp::PacketKind::kCodedFrames;
  });
}

bool RtmpClient::closed_by_server() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!fill()) {
      std::uint8_t byte = 0;
      return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
    }
  }
  return false;
}

bool RtmpClient::reset_by_server() {
  std::array<std::uint8_t, 65'536> buffer{};
  pollfd waiting{socket_.get(), POLLIN, 0};
  while (::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) > 0) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return false;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return errno == ECONNRESET;
  }
  return false;
}

}  // namespace millrace::ingest::testing
