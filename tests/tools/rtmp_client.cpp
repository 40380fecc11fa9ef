#include "rtmp_client.hpp"

#include <algorithm>

#include "rtmp/chunk_writer.hpp"
#include "rtmp/control_messages.hpp"
#include "rtmp/digest.hpp"

namespace millrace::tools {

using rtmp::MessageType;
using rtmp::amf0::Null;
using rtmp::amf0::Object;

Url Url::parse(const std::string& text) {
  const std::string scheme = "rtmp://";
  const std::size_t path = text.find('/', scheme.size());
  const std::size_t name = path == std::string::npos ? path : text.find('/', path + 1);
  if (text.rfind(scheme, 0) != 0 || name == std::string::npos) die("not rtmp://host[:port]/app/name");
  Url url;
  url.host = text.substr(scheme.size(), path - scheme.size());
  if (const std::size_t colon = url.host.rfind(':'); colon != std::string::npos) {
    url.port = static_cast<std::uint16_t>(std::stoi(url.host.substr(colon + 1)));
    url.host.resize(colon);
  }
  url.app = text.substr(path + 1, name - path - 1);
  url.name = text.substr(name + 1);
  return url;
}

std::string status_code(const Received& message) {
  if (message.header.type != MessageType::kCommand) return {};
  const auto command = rtmp::parse_command(message.header.type, message.body);
  const auto* information = command ? command->argument<Object>(1) : nullptr;
  const auto* code = information != nullptr ? information->find("code") : nullptr;
  const auto* text = code != nullptr ? code->as<std::string>() : nullptr;
  return text != nullptr ? *text : std::string();
}

Client::Client(const Url& url, Handshake handshake)
    : url_(url), socket_(Socket::connect(url.host, url.port)) {
  shake_hands(handshake);
}

void Client::shake_hands(Handshake handshake) {
  constexpr std::size_t kSize = rtmp::kHandshakePacketSize;
  Bytes hello(1 + kSize);
  for (std::size_t i = 9; i < hello.size(); ++i) hello[i] = static_cast<std::uint8_t>(i * 131);
  hello[0] = 3;
  if (handshake == Handshake::kDigest) {
    hello[5] = 9;
    hello[7] = 124;
    rtmp::sign_client_packet(rtmp::HandshakePacket(hello.data() + 1, kSize), rtmp::DigestScheme::kFirstHalf);
  }
  if (!socket_.send(hello)) die("the server closed in the handshake");
  Bytes answer;
  while (answer.size() < 1 + 2 * kSize) {
    Bytes part(1 + 2 * kSize - answer.size());
    const std::ptrdiff_t count = socket_.receive(part, 10'000);
    if (count <= 0) die("no handshake from the server");
    answer.insert(answer.end(), part.begin(), part.begin() + count);
  }
  const rtmp::ConstHandshakePacket s1(answer.data() + 1, kSize);
  if (handshake == Handshake::kDigest && !rtmp::is_server_packet_signed(s1, rtmp::DigestScheme::kFirstHalf)) {
    die("the server's digest is wrong");
  }
  if (!socket_.send(s1)) die("the server closed in the handshake");
}

void Client::call(std::string_view name, double transaction,
                  std::initializer_list<rtmp::amf0::Value> arguments, bool on_stream) {
  ByteWriter body;
  rtmp::amf0::serialize(name, body);
  rtmp::amf0::serialize(transaction, body);
  for (const auto& argument : arguments) rtmp::amf0::serialize(argument, body);
  const std::uint32_t chunk_stream = on_stream ? rtmp::kDataChunkStream : rtmp::kCommandChunkStream;
  (void)send({chunk_stream, MessageType::kCommand, 0, 0, on_stream ? 1U : 0U}, body.view());
}

void Client::announce(const std::string& comma_separated_codecs, double caps_ex) {
  rtmp::amf0::StrictArray list;
  for (std::size_t at = 0; at < comma_separated_codecs.size();) {
    const std::size_t comma = std::min(comma_separated_codecs.find(',', at), comma_separated_codecs.size());
    list.values.emplace_back(comma_separated_codecs.substr(at, comma - at));
    at = comma + 1;
  }
  announced_ = {{"fourCcList", std::move(list)}, {"capsEx", caps_ex}};
}

void Client::connect(std::string_view flash_version) {
  const std::string tc_url = "rtmp://" + url_.host + ":" + std::to_string(url_.port) + "/" + url_.app;
  Object object{Object::Kind::kAnonymous,
                {},
                {{"app", url_.app}, {"type", "nonprivate"}, {"flashVer", flash_version}, {"tcUrl", tc_url}}};
  object.properties.insert(object.properties.end(), announced_.begin(), announced_.end());
  call("connect", 1, {object});
  wait_status("NetConnection.Connect.Success");
}

void Client::create_stream() {
  call("createStream", 4, {Null{}});
  while (auto message = next(10'000)) {
    const auto command = rtmp::parse_command(message->header.type, message->body);
    if (command && command->name == "_result" && command->transaction == 4) return;
  }
  die("no answer to createStream");
}

void Client::publish() {
  call("publish", 5, {Null{}, url_.name, "live"}, true);
  wait_status("NetStream.Publish.Start");
}

void Client::play() {
  call("play", 5, {Null{}, url_.name, -2000.0}, true);
  wait_status("NetStream.Play.Start");
}

void Client::wait_status(std::string_view wanted) {
  while (auto message = next(10'000)) {
    const std::string code = status_code(*message);
    if (code.empty()) continue;
    if (code == wanted) return;
    const auto command = rtmp::parse_command(message->header.type, message->body);
    const auto* information = command->argument<Object>(1);
    const auto* level = information->find("level");
    if (level != nullptr && level->as<std::string>() != nullptr && *level->as<std::string>() == "error")
      die(code);
  }
  die("the server did not say " + std::string(wanted));
}

void Client::set_chunk_size(std::uint32_t size) {
  ByteWriter out;
  rtmp::append_set_chunk_size(size, out);
  (void)socket_.send(out.view());
  chunk_size_ = size;
}

bool Client::send(const rtmp::MessageHeader& header, ByteView body) {
  ByteWriter out;
  rtmp::append_message(header, body, chunk_size_, out);
  return socket_.send(out.view());
}

std::optional<Received> Client::next(int timeout_ms) {
  while (queue_.empty()) {
    if (!read_some(timeout_ms)) return std::nullopt;
  }
  Received message = std::move(queue_.front());
  queue_.pop_front();
  return message;
}

std::string Client::drain() {
  std::string last;
  while (read_some(0)) continue;
  for (const Received& message : queue_) {
    const std::string code = status_code(message);
    if (!code.empty()) last = code;
  }
  queue_.clear();
  return last;
}

bool Client::read_some(int timeout_ms) {
  const std::ptrdiff_t count = ended_ ? 0 : socket_.receive(buffer_, timeout_ms);
  if (count == 0) ended_ = true;
  if (count <= 0) return false;
  received_ += static_cast<std::uint64_t>(count);
  ByteView bytes = ByteView(buffer_).first(static_cast<std::size_t>(count));
  const auto result = reader_.receive(bytes, limits_, *this);
  if (!result) die("from the server: " + std::string(result.error().code));
  if (window_ != 0 && received_ - acknowledged_ >= window_) {
    acknowledged_ = received_;
    ByteWriter out;
    rtmp::append_acknowledgement(static_cast<std::uint32_t>(received_), out);
    (void)socket_.send(out.view());
  }
  return true;
}

Result<void> Client::message_begin(std::size_t slot, const rtmp::MessageHeader& header) {
  if (slot >= open_.size()) open_.resize(slot + 1);
  open_[slot] = {header, {}};
  return {};
}

Result<void> Client::message_bytes(std::size_t slot, ByteView bytes) {
  open_[slot].body.insert(open_[slot].body.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> Client::message_end(std::size_t slot) {
  Received& message = open_[slot];
  switch (message.header.type) {
    case MessageType::kSetChunkSize:
      return reader_.set_chunk_size(rtmp::parse_control_number(message.body).value_or(0));
    case MessageType::kWindowAcknowledgementSize:
      window_ = rtmp::parse_control_number(message.body).value_or(0);
      return {};
    case MessageType::kUserControl: {
      const auto control = rtmp::parse_user_control(message.body);
      if (!control || control->event != rtmp::UserControlEvent::kPingRequest) return {};
      ByteWriter out;
      rtmp::append_user_control({rtmp::UserControlEvent::kPingResponse, control->value}, out);
      (void)socket_.send(out.view());
      return {};
    }
    default:
      queue_.push_back(std::move(message));
      return {};
  }
}

}  // namespace millrace::tools
