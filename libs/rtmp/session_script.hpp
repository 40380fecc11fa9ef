// A client's and a server's doings as a fuzzer draws them: bytes are decoded as a list of operations of a
// grammar (handshake, commands, control and media messages, chunk headers, sizes), so that most of what comes
// out is understood by the session and the fuzzer gets far behind the first message. Any bytes are a script;
// a script never ends before its bytes do.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "rtmp/client_bytes.hpp"

namespace millrace::rtmp::testing {

// What the server does between two reads.
struct ServerTurn {
  enum class What : std::uint8_t {
    kAcceptPublish,
    kRejectPublish,
    kAcceptPlay,
    kRejectPlay,
    kEndPublish,
    kEndPlay,
    kNotify,
    kReconnect,
    kCount
  };
  What what{};
  std::uint32_t message_stream_id = 0;
};
using ScriptStep = std::variant<Bytes, ServerTurn>;

class SessionScript {
 public:
  explicit SessionScript(ByteView input) : input_(input) {}

  // The next step; false at the end.
  bool next(ScriptStep& step) {
    if (input_.empty()) return false;
    Bytes out;
    const std::uint8_t operation = take();
    switch (operation % 12) {
      case 0:
        out = handshake();
        break;
      case 1:
      case 2:
        out = chunks(20, command());
        break;
      case 3:
        out = publishing();
        break;
      case 4:
        out = control_message();
        break;
      case 5:
      case 6:
      case 7:
        out = media();
        break;
      case 8:
        out = next_chunk();
        break;
      case 9:
        out = raw();
        break;
      default:
        step = ServerTurn{static_cast<ServerTurn::What>(take() % static_cast<int>(ServerTurn::What::kCount)),
                          take() % 4U};
        return true;
    }
    step = std::move(out);
    return true;
  }

 private:
  struct OpenMessage {
    std::uint32_t chunk_stream_id = 0;
    Bytes rest;
  };

  std::uint8_t take() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }
  template <std::size_t n, class T>
  T one_of(const std::array<T, n>& choices) {
    return choices[take() % n];
  }
  std::uint32_t number() {
    constexpr std::array<std::uint32_t, 12> kOdd = {
        0, 1, 2, 127, 128, 4096, 65'536, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, 0xFFFFFFFF};
    const std::uint8_t choice = take();
    return choice < 64 ? choice : choice < 128 ? one_of(kOdd) : std::uint32_t{choice} << (take() % 25);
  }

  Bytes handshake() {
    Bytes whole = simple_handshake();
    const std::uint8_t how = take();
    if (how == 1) whole[0] = take();
    if (how == 2) whole.resize(take() * 12U);
    return whole;
  }

  std::string_view text() {
    static constexpr std::array<std::string_view, 9> kTexts = {
        "live", "key", "key?a=b", "", "../x", "live/instance/", "app?authmod=adobe", "rtmp://h/live/key",
        "live"};
    const std::uint8_t choice = take();
    if (choice < 128) return kTexts[choice % kTexts.size()];
    const std::size_t size = std::min<std::size_t>(choice - 128U, input_.size());
    const std::string_view own = as_text(input_.first(size));
    input_ = input_.subspan(size);
    return own;
  }

  amf0::Value value() {
    switch (take() % 8) {
      case 0:
        return amf0::Null{};
      case 1:
        return static_cast<double>(number());
      case 2:
        return text();
      case 3:
        return object({{"app", text()}, {"tcUrl", text()}});
      case 4:
        return object({{"app", "live"}, {"capsEx", static_cast<double>(take())}, {"flashVer", text()}});
      case 5:
        return (take() & 1) != 0;
      case 6:
        return amf0::StrictArray{{amf0::Value("hvc1"), amf0::Value(text())}};
      default:
        return amf0::Value();
    }
  }

  Bytes command() {
    static constexpr std::array<std::string_view, 19> kNames = {
        "connect",     "createStream", "publish",      "play",          "deleteStream",
        "closeStream", "FCPublish",    "FCUnpublish",  "releaseStream", "pause",
        "seek",        "receiveAudio", "receiveVideo", "_checkbw",      "getStreamLength",
        "_result",     "onFCPublish",  "play2",        "@setDataFrame"};
    const std::string_view name = kNames[take() % kNames.size()];
    const std::uint8_t form = take();
    const double transaction = (form & 1) != 0 ? 0 : form;
    switch (form % 5) {
      case 0:
        return command_body(name, transaction, {object({{"app", "live"}})});
      case 1:
        return command_body(name, transaction, {amf0::Null{}, static_cast<double>(take() % 4)});
      case 2:
        return command_body(name, transaction, {amf0::Null{}, text(), "live"});
      case 3:
        return command_body(name, transaction, {value(), value(), value()});
      default: {
        Bytes body = command_body(name, transaction, {value(), value()});
        body.resize(std::min<std::size_t>(body.size(), take()));
        return body;
      }
    }
  }

  // What an encoder does first, in one operation.
  Bytes publishing() {
    const std::uint8_t how = take();
    Bytes out;
    if ((how & 1) == 0) out = out + chunk(20, command_body("connect", 1, {object({{"app", "live"}})}), 0);
    if ((how & 2) == 0) out = out + chunk(20, command_body("createStream", 2, {amf0::Null{}}), 0);
    const std::string_view name = (how & 8) != 0 ? "play" : "publish";
    if ((how & 4) == 0) out = out + chunk(20, command_body(name, 3, {amf0::Null{}, "key", "live"}), 1);
    return out;
  }

  Bytes control_message() {
    ByteWriter body;
    const std::uint8_t type = static_cast<std::uint8_t>(1 + take() % 6);
    const std::uint32_t value = number();
    if (type == 4) body.u16(take() % 9);
    body.u32(value);
    Bytes bytes = body.take();
    const std::uint8_t cut = take();
    if (cut < 8) bytes.resize(std::min<std::size_t>(cut, bytes.size()));
    Bytes out = chunk(type, bytes, 0);
    // From here on the client means what it says.
    if (type == 1 && bytes.size() == 4 && value > 0 && value <= 65'536) chunk_size_ = value;
    return out;
  }

  Bytes media() {
    constexpr std::array<std::uint8_t, 6> kTypes = {8, 9, 18, 15, 22, 17};
    const std::uint8_t type = one_of(kTypes);
    const std::size_t size = take() * ((take() & 7) == 0 ? 17U : 1U);
    Bytes body(size, 0x17);
    for (std::size_t i = 0; i < std::min<std::size_t>(size, 24); ++i) body[i] = take();
    if (type == 22) body = aggregate(body);
    return chunks(type, body);
  }
  // One to three tags with sizes that are mostly true.
  Bytes aggregate(ByteView body) {
    ByteWriter out;
    const int tags = 1 + take() % 3;
    for (int i = 0; i < tags; ++i) {
      const std::uint8_t lie = take();
      out.u8(static_cast<std::uint8_t>(8 + lie % 3));
      out.u24(static_cast<std::uint32_t>(body.size()) + (lie > 250 ? 1U : 0U));
      out.u24(number() & 0xFFFFFF);
      out.u8(0);
      out.u24(0);
      out.append(body);
      out.u32(static_cast<std::uint32_t>(body.size() + 11));
    }
    return out.take();
  }

  // A message whose chunks may come one by one, with others between them.
  Bytes chunks(std::uint8_t type, const Bytes& body) {
    const std::uint8_t form = take();
    const std::uint32_t message_stream_id = (form & 0x80) != 0 ? take() % 4U : type == 20 ? 0U : 1U;
    if ((form & 0x40) == 0 || body.size() <= chunk_size_ || open_.size() >= 8) {
      return chunk(type, body, message_stream_id, form);
    }
    const std::uint32_t chunk_stream_id = 10 + form % 8U;
    Bytes out = header(0, chunk_stream_id, type, static_cast<std::uint32_t>(body.size()), message_stream_id);
    const auto split = body.begin() + static_cast<std::ptrdiff_t>(chunk_size_);
    out.insert(out.end(), body.begin(), split);
    open_.push_back({chunk_stream_id, Bytes(split, body.end())});
    return out;
  }
  Bytes next_chunk() {
    if (open_.empty()) return {};
    const std::size_t index = take() % open_.size();
    OpenMessage& open = open_[index];
    Bytes out = header(3, open.chunk_stream_id, 0, 0, 0);
    const std::size_t size = std::min<std::size_t>(chunk_size_, open.rest.size());
    out.insert(out.end(), open.rest.begin(), open.rest.begin() + static_cast<std::ptrdiff_t>(size));
    open.rest.erase(open.rest.begin(), open.rest.begin() + static_cast<std::ptrdiff_t>(size));
    if (open.rest.empty()) open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    return out;
  }

  // A whole message. The form chooses chunk stream and header type; a compressed header means what the one
  // before it said, or nothing at all.
  Bytes chunk(std::uint8_t type, ByteView body, std::uint32_t message_stream_id, std::uint8_t form = 0) {
    const unsigned header_type = form % 16 == 15 ? 3 : form % 16 == 14 ? 2 : form % 16 >= 12 ? 1 : 0;
    const std::uint32_t chunk_stream_id = type < 8 ? 2U : 3U + (form >> 4) % 4U;
    Bytes out = header(header_type, chunk_stream_id, type, static_cast<std::uint32_t>(body.size()),
                       message_stream_id);
    for (std::size_t at = 0; at < body.size(); at += chunk_size_) {
      if (at > 0) out = out + header(3, chunk_stream_id, 0, 0, 0);
      const ByteView part = body.subspan(at, std::min<std::size_t>(chunk_size_, body.size() - at));
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }
  Bytes header(unsigned header_type, std::uint32_t chunk_stream_id, std::uint8_t type, std::uint32_t size,
               std::uint32_t message_stream_id) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(header_type << 6 | chunk_stream_id));
    if (header_type == 3) {
      if (extended_ && (timestamp_ & 1) == 0) out.u32(timestamp_);  // half of the encoders repeat it
      return out.take();
    }
    timestamp_ = number();
    extended_ = timestamp_ >= 0xFFFFFF;
    out.u24(std::min<std::uint32_t>(timestamp_, 0xFFFFFF));
    if (header_type < 2) {
      out.u24(size);
      out.u8(type);
    }
    if (header_type == 0) {
      for (unsigned i = 0; i < 4; ++i) out.u8(static_cast<std::uint8_t>(message_stream_id >> (8 * i)));
    }
    if (extended_) out.u32(timestamp_);
    return out.take();
  }

  Bytes raw() {
    const std::size_t size = std::min<std::size_t>(take(), input_.size());
    Bytes out(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(size));
    input_ = input_.subspan(size);
    return out;
  }

  ByteView input_;
  std::uint32_t chunk_size_ = 128;
  std::uint32_t timestamp_ = 0;
  bool extended_ = false;
  std::vector<OpenMessage> open_;
};

}  // namespace millrace::rtmp::testing
