// rtmp_play URL [--enhanced FOURCC,… [--caps N] [--obey]] [--seconds N] [--json] [--digest]
//           [--bytes-per-second N] [--stop-reading-after N] [--receive-buffer N]
//
// Plays a stream until the server ends it, or for N seconds. One line per message:
//
//   video <timestamp ms> <composition offset ms> <k key | c configuration | -> <payload bytes> <its MD5>
//   audio <timestamp ms> 0 <c configuration | -> <payload bytes> <MD5>
//   data  <timestamp ms> 0 - <bytes> <MD5>
//
// Enhanced RTMP: the track's number follows where the message has a multitrack header ("video:2"), m flags a
// metadata frame or speaker map. --obey: ends when the server asks to reconnect.
// The payload is what follows the tag header: the same bytes that ffprobe hashes. --json: then one object
// with sums.
// --stop-reading-after N: after N seconds nothing is read any more, and the connection stays for --seconds.
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "options.hpp"
#include "rtmp/media_tag.hpp"
#include "rtmp/server_session.hpp"
#include "rtmp_client.hpp"

namespace {

using namespace millrace;

constexpr std::int64_t kSecond = 1'000'000;

std::string md5(ByteView bytes) {
  std::array<std::uint8_t, 16> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  return hex(digest);
}

struct Line {
  std::string kind = "data";
  std::int32_t composition = 0;
  char flag = '-';
  std::size_t header_size = 0;
};

Line describe(const tools::Received& message) {
  Line line;
  const rtmp::MessageType type = message.header.type;
  if (type != rtmp::MessageType::kVideo && type != rtmp::MessageType::kAudio) return line;
  const bool video = type == rtmp::MessageType::kVideo;
  line.kind = video ? "video" : "audio";
  const auto tag = rtmp::parse_media_tag(type, message.body);
  const auto part = tag ? rtmp::TagPartReader(*tag, message.body).next() : std::nullopt;
  if (!part) return line;
  line.header_size = part->payload_begin;
  line.composition = part->composition_offset_ms;
  line.flag = video && tag->key() ? 'k' : '-';
  if (tag->kind == rtmp::PacketKind::kSequenceStart) line.flag = 'c';
  if (tag->kind == rtmp::PacketKind::kMetadata || tag->kind == rtmp::PacketKind::kMultichannelConfig)
    line.flag = 'm';
  if (tag->multitrack) line.kind += ":" + std::to_string(part->track_id);
  return line;
}

class Player {
 public:
  explicit Player(const tools::Options& options)
      : options_(options),
        client_(tools::Url::parse(options.arguments.at(0)), options.has("--digest")
                                                                ? tools::Client::Handshake::kDigest
                                                                : tools::Client::Handshake::kSimple) {
    if (options.has("--receive-buffer")) {
      client_.socket().set_receive_buffer(static_cast<int>(options.number("--receive-buffer", 0)));
    }
    if (options_.has("--enhanced"))
      client_.announce(options_.text("--enhanced", ""), options_.number("--caps", 15));
    client_.connect("LNX 10,0,32,18");
    client_.create_stream();
    client_.play();
    std::printf("status %s\n", std::string(rtmp::status::kPlayStart).c_str());
    std::fflush(stdout);
  }

  void run() {
    const std::int64_t started = monotonic_us();
    const auto seconds = [&](const char* name) {
      return started + static_cast<std::int64_t>(options_.number(name, 1e6) * kSecond);
    };
    const std::int64_t deadline = seconds("--seconds");
    const std::int64_t stop_reading = std::min(deadline, seconds("--stop-reading-after"));
    while (!over_ && monotonic_us() < stop_reading) {
      const int left_ms =
          static_cast<int>(std::min<std::int64_t>((stop_reading - monotonic_us()) / 1000 + 1, 500));
      if (auto message = client_.next(left_ms)) take(*message);
      if (client_.ended()) break;
      keep_pace(started);
    }
    if (!client_.ended() && !over_ && monotonic_us() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(deadline - monotonic_us()));
    }
  }

  void print_summary() const {
    std::printf(
        "{\"video\": %zu, \"audio\": %zu, \"data\": %zu, \"key_frames\": %zu, \"bytes\": %llu, \"ended\": "
        "%s}\n",
        video_, audio_, data_, keys_, static_cast<unsigned long long>(client_.received_bytes()),
        client_.ended() || over_ ? "true" : "false");
  }

 private:
  void take(const tools::Received& message) {
    using rtmp::MessageType;
    const MessageType type = message.header.type;
    if (type == MessageType::kCommand) return take_command(message);
    if (type != MessageType::kAudio && type != MessageType::kVideo && type != MessageType::kData) return;
    const Line line = describe(message);
    const bool frame = line.flag != 'c' && line.flag != 'm';
    video_ += type == MessageType::kVideo && frame;
    audio_ += type == MessageType::kAudio && frame;
    data_ += type == MessageType::kData;
    keys_ += line.flag == 'k';
    const ByteView payload = ByteView(message.body).subspan(line.header_size);
    std::printf("%s %u %d %c %zu %s\n", line.kind.c_str(), message.header.timestamp_ms, line.composition,
                line.flag, payload.size(), md5(payload).c_str());
    std::fflush(stdout);
  }

  // The server says that the stream is over.
  void take_command(const tools::Received& message) {
    const std::string code = tools::status_code(message);
    if (code.empty()) return;
    std::printf("status %s\n", code.c_str());
    std::fflush(stdout);
    over_ = over_ || code == rtmp::status::kPlayUnpublishNotify || code == rtmp::status::kPlayStop ||
            code == rtmp::status::kPlayNoSupportedTrack ||
            (code == rtmp::status::kConnectReconnectRequest && options_.has("--obey"));
  }

  void keep_pace(std::int64_t started) const {
    const double rate = options_.number("--bytes-per-second", 0);
    if (rate <= 0) return;
    const auto due =
        started + static_cast<std::int64_t>(static_cast<double>(client_.received_bytes()) / rate * kSecond);
    const std::int64_t ahead = due - monotonic_us();
    if (ahead > 0)
      std::this_thread::sleep_for(std::chrono::microseconds(std::min<std::int64_t>(ahead, kSecond)));
  }

  const tools::Options& options_;
  tools::Client client_;
  std::size_t video_ = 0, audio_ = 0, data_ = 0, keys_ = 0;
  bool over_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const char* usage =
      "usage: rtmp_play URL [--enhanced FOURCC,... [--caps N] [--obey]] [--seconds N] [--json] [--digest] "
      "[--bytes-per-second N] [--stop-reading-after "
      "N] "
      "[--receive-buffer N]";
  const tools::Options options(
      argc, argv,
      {"--enhanced", "--caps", "--seconds", "--bytes-per-second", "--stop-reading-after", "--receive-buffer"},
      {"--json", "--digest", "--obey"}, usage);
  if (options.arguments.size() != 1) tools::die(usage);
  Player player(options);
  player.run();
  if (options.has("--json")) player.print_summary();
  return 0;
}
