// rtmp_publish URL FILE.flv [--style plain|obs] [--digest] [--speed X] [--offset MS] [--jump AT_MS:BY_MS]…
//              [--chunk-size N] [--omit-extended] [--stay-open SECONDS] [--reset]
//              [--enhanced FOURCC,… [--caps N] [--obey]]
//
// Publishes an FLV file as it is, with other times: --offset is added to every time (modulo 2^32), each
// --jump to every time from AT_MS of the file on. --speed 1 is real time (default), 0 as fast as it goes.
// --style obs: command order, chunk size and header types of OBS Studio (librtmp). --omit-extended: type 3
// chunks without the extended timestamp.
// --reset: ends without a word, as a pulled cable does. --enhanced: announces these codecs and capsEx (15).
// --obey: ends when the server asks to reconnect. Prints the number of messages sent; what the server says
// goes to stderr.
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "base/clock.hpp"
#include "flv_file.hpp"
#include "options.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/server_session.hpp"
#include "rtmp_client.hpp"

namespace {

using namespace millrace;
using rtmp::MessageType;
using rtmp::amf0::Null;

struct Jump {
  std::uint32_t at_ms = 0;
  std::int64_t by_ms = 0;
};

Jump parse_jump(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) tools::die("--jump AT_MS:BY_MS");
  return {static_cast<std::uint32_t>(std::stoul(text)), std::stoll(text.substr(colon + 1))};
}

// librtmp sends audio, video and data on chunk stream 4, the first with a type 0 header, then steps.
constexpr std::uint32_t kObsChunkStream = 4;
constexpr std::uint32_t kObsChunkSize = 4096;

class Publisher {
 public:
  explicit Publisher(const tools::Options& options)
      : options_(options),
        url_(tools::Url::parse(options.arguments.at(0))),
        obs_(options.text("--style", "plain") == "obs"),
        client_(url_, options.has("--digest") ? tools::Client::Handshake::kDigest
                                              : tools::Client::Handshake::kSimple),
        offset_(static_cast<std::int64_t>(options.number("--offset", 0))) {
    for (const std::string& text : options.all("--jump")) jumps_.push_back(parse_jump(text));
  }

  void begin() {
    if (obs_) client_.set_chunk_size(kObsChunkSize);
    if (options_.has("--enhanced"))
      client_.announce(options_.text("--enhanced", ""), options_.number("--caps", 15));
    client_.connect("FMLE/3.0 (compatible; FMSc/1.0)");
    if (!obs_) client_.set_chunk_size(static_cast<std::uint32_t>(options_.number("--chunk-size", 4096)));
    client_.call("releaseStream", 2, {Null{}, url_.name});
    client_.call("FCPublish", 3, {Null{}, url_.name});
    client_.create_stream();
    client_.publish();
  }

  void send_file(const std::vector<tools::FlvTag>& tags) {
    const double speed = options_.number("--speed", 1);
    const std::int64_t started = monotonic_us();
    const std::uint32_t first = tags.empty() ? 0 : tags.front().timestamp_ms;
    for (const tools::FlvTag& tag : tags) {
      if (speed > 0) {
        const auto due = started + static_cast<std::int64_t>((tag.timestamp_ms - first) * 1000.0 / speed);
        const std::int64_t ahead = due - monotonic_us();
        if (ahead > 0) std::this_thread::sleep_for(std::chrono::microseconds(ahead));
      }
      if (receive() || !send(tag)) {
        if (asked_to_leave_) return;
        tools::die("the server closed the connection after " + std::to_string(sent_) + " messages");
      }
      ++sent_;
    }
  }

  void end() {
    if (!asked_to_leave_) stay();
    std::printf("%zu\n", sent_);
    if (options_.has("--reset")) {
      const linger hard{1, 0};
      ::setsockopt(client_.socket().fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      return;
    }
    client_.call("FCUnpublish", 6, {Null{}, url_.name});
    client_.call("deleteStream", 7, {Null{}, 1.0});
    ::shutdown(client_.socket().fd(), SHUT_WR);
    while (client_.next(2'000)) continue;
  }

 private:
  // What the server says, on stderr; true when it is time to go.
  bool receive() {
    const std::string code = client_.drain();
    if (!code.empty()) std::fprintf(stderr, "status %s\n", code.c_str());
    asked_to_leave_ = code == rtmp::status::kConnectReconnectRequest && options_.has("--obey");
    return asked_to_leave_ || client_.ended();
  }

  void stay() {
    constexpr std::chrono::milliseconds kLook{50};
    const std::int64_t until =
        monotonic_us() + static_cast<std::int64_t>(options_.number("--stay-open", 0) * 1e6);
    while (!receive() && monotonic_us() < until) std::this_thread::sleep_for(kLook);
  }

  std::uint32_t moved(std::uint32_t timestamp_ms) const {
    std::int64_t time = timestamp_ms + offset_;
    for (const Jump& jump : jumps_) {
      if (timestamp_ms >= jump.at_ms) time += jump.by_ms;
    }
    return static_cast<std::uint32_t>(time);
  }

  bool send(const tools::FlvTag& tag) {
    const std::uint32_t time = moved(tag.timestamp_ms);
    if (obs_ && has_sent_ && time >= last_time_) return client_.send_raw(step_message(tag, time));
    has_sent_ = true;
    last_time_ = time;
    const std::uint32_t chunk_stream = obs_ ? kObsChunkStream : static_cast<std::uint32_t>(tag.type);
    const rtmp::MessageHeader header{chunk_stream, tag.type, time, 0, 1};
    return options_.has("--omit-extended") ? client_.send_raw(without_extended(header, tag.body))
                                           : client_.send(header, tag.body);
  }

  // A type 1 header on OBS' chunk stream; times that go back have a type 0 header instead.
  Bytes step_message(const tools::FlvTag& tag, std::uint32_t time) {
    ByteWriter out;
    out.u8(0x40 | kObsChunkStream);
    out.u24(time - last_time_);
    out.u24(static_cast<std::uint32_t>(tag.body.size()));
    out.u8(static_cast<std::uint8_t>(tag.type));
    last_time_ = time;
    for (std::size_t at = 0; at < tag.body.size(); at += kObsChunkSize) {
      if (at != 0) out.u8(0xC0 | kObsChunkStream);
      out.append(ByteView(tag.body).subspan(at, std::min<std::size_t>(kObsChunkSize, tag.body.size() - at)));
    }
    return out.take();
  }

  Bytes without_extended(const rtmp::MessageHeader& header, ByteView body) const {
    ByteWriter out;
    const std::size_t first = std::min<std::size_t>(body.size(), client_.chunk_size());
    rtmp::append_message(header, body.first(first), client_.chunk_size(), out);
    Bytes bytes = out.take();
    for (int i = 0; i < 3; ++i) {  // the length is the whole message's
      bytes[4 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(body.size() >> (16 - 8 * i));
    }
    for (std::size_t at = first; at < body.size(); at += client_.chunk_size()) {
      const ByteView part = body.subspan(at, std::min<std::size_t>(client_.chunk_size(), body.size() - at));
      bytes.push_back(static_cast<std::uint8_t>(0xC0 | header.chunk_stream_id));
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
  }

  const tools::Options& options_;
  tools::Url url_;
  bool obs_;
  tools::Client client_;
  std::int64_t offset_;
  std::vector<Jump> jumps_;
  std::uint32_t last_time_ = 0;
  bool has_sent_ = false;
  std::size_t sent_ = 0;
  bool asked_to_leave_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const char* usage =
      "usage: rtmp_publish URL FILE.flv [--style plain|obs] [--digest] [--speed X] [--offset MS] [--jump "
      "AT_MS:BY_MS] "
      "[--chunk-size N] [--omit-extended] [--stay-open SECONDS] [--reset] [--enhanced FOURCC,... [--caps N] "
      "[--obey]]";
  const tools::Options options(
      argc, argv,
      {"--enhanced", "--caps", "--style", "--speed", "--offset", "--jump", "--chunk-size", "--stay-open"},
      {"--digest", "--omit-extended", "--reset", "--obey"}, usage);
  if (options.arguments.size() != 2) tools::die(usage);
  const auto tags = tools::read_flv(options.arguments[1]);
  Publisher publisher(options);
  publisher.begin();
  publisher.send_file(tags);
  publisher.end();
  return 0;
}
