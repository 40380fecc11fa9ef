// What ingest does with received bytes, without sockets: receive_bench [--json] [--streams N] [--bytes N]
// N publishers' sessions are fed in turn as an I/O thread feeds them (a picture and its sound a read); what
// comes out goes into their media logs. Prints nanoseconds per message and CPU seconds per GB (1e9 bytes),
// beside a bare memcpy of the same bytes into the same memory.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "../tests/media_samples.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "media/arena_writer.hpp"
#include "publish/publication.hpp"
#include "rtmp/chunk_writer.hpp"
#include "rtmp/client_bytes.hpp"
#include "rtmp/server_session.hpp"

namespace {

using namespace millrace;
using namespace millrace::ingest;

constexpr std::size_t kPictureBytes = 12'750;
constexpr std::size_t kSoundBytes = 340;
constexpr std::uint32_t kChunkBytes = 4096;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Publisher {
  rtmp::ServerSession session;
  std::unique_ptr<Publication> publication;
};

// What a read brings: a picture, and sound for it. The time stamps are patched in before each turn.
struct Read {
  Bytes bytes;
  std::size_t picture_time = 0;
  std::size_t sound_time = 0;
};

Bytes sound() {
  Bytes body = testing::audio_frame(0);
  body.resize(kSoundBytes, 0x55);
  return body;
}

Read make_read() {
  Read read;
  read.picture_time = 1;
  read.bytes = rtmp::testing::message({6, rtmp::MessageType::kVideo, 0, 0, 1},
                                      testing::video_frame(false, 1, kPictureBytes - 9), kChunkBytes);
  const Bytes audio = rtmp::testing::message({4, rtmp::MessageType::kAudio, 0, 0, 1}, sound(), kChunkBytes);
  read.sound_time = read.bytes.size() + 1;
  read.bytes.insert(read.bytes.end(), audio.begin(), audio.end());
  return read;
}

void put_time(Bytes& bytes, std::size_t place, std::uint32_t time_ms) {
  for (unsigned i = 0; i < 3; ++i) bytes[place + i] = static_cast<std::uint8_t>(time_ms >> (16 - 8 * i));
}

void take(Publisher& publisher, ByteView bytes, std::int64_t now_us, std::vector<rtmp::Action>& actions) {
  const auto check = [](const Result<void>& result) {
    if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str()), std::exit(1);
  };
  actions.clear();
  const MessageTimes times{now_us, wall_now()};
  (void)publisher.session.receive(bytes, actions);
  for (rtmp::Action& action : actions) {
    if (const auto* begin = std::get_if<rtmp::MessageBegin>(&action)) {
      check(publisher.publication->begin(*begin));
    } else if (const auto* part = std::get_if<rtmp::MessageBytes>(&action)) {
      publisher.publication->append(part->chunk_stream_id, part->bytes);
    } else if (const auto* end = std::get_if<rtmp::MessageEnd>(&action)) {
      check(publisher.publication->end(end->chunk_stream_id, times));
    } else if (std::holds_alternative<rtmp::Close>(action)) {
      std::fprintf(stderr, "the session closed\n"), std::exit(1);
    }
  }
}

Publisher make_publisher(media::ArenaWriter& arena, std::size_t number, std::vector<rtmp::Action>& actions) {
  media::LogDescription description;
  description.stream_id = "bench" + std::to_string(number);
  description.publication_id = PublicationId{number + 1};
  description.epoch = Epoch{1};
  description.started_wall = wall_now();
  description.retention.guaranteed_bytes = 4U << 20;
  description.retention.max_bytes = 5U << 20;
  auto log = arena.create_log(description);
  if (!log) std::fprintf(stderr, "%s\n", log.error().message.c_str()), std::exit(1);
  const media::TimelineConfig timeline{
      .continuation = (*log)->continuation(), .longest_target_s = 12, .wanted_part_us = 333'000};
  Publisher publisher{
      rtmp::ServerSession({}, number),
      std::make_unique<Publication>(std::move(*log), timeline, std::make_shared<PublicationCounters>())};
  (void)publisher.session.receive(rtmp::testing::publish_session(), actions);
  (void)publisher.session.accept_publish(1);
  for (const Bytes& header :
       {rtmp::testing::control(rtmp::MessageType::kSetChunkSize, kChunkBytes),
        rtmp::testing::message({6, rtmp::MessageType::kVideo, 0, 0, 1}, testing::avc_header(), kChunkBytes),
        rtmp::testing::message({4, rtmp::MessageType::kAudio, 0, 0, 1}, testing::aac_header(),
                               kChunkBytes)}) {
    take(publisher, header, 0, actions);
  }
  return publisher;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t streams = 200;
  std::uint64_t bytes = 4'000'000'000;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") json = true;
    if (option == "--streams" && i + 1 < argc) streams = std::strtoul(argv[++i], nullptr, 10);
    if (option == "--bytes" && i + 1 < argc) bytes = std::strtoull(argv[++i], nullptr, 10);
  }
  const std::string directory = "/dev/shm/millrace-receive-bench-" + random_hex(4);
  double least = 1e9;
  double copy = 1e9;
  Read read = make_read();
  {
    auto arena =
        media::ArenaWriter::open({directory, "bench", std::uint64_t{6U << 20} * streams, 256U << 10, 1024});
    if (!arena) std::fprintf(stderr, "%s\n", arena.error().message.c_str()), std::exit(1);
    std::vector<rtmp::Action> actions;
    std::vector<Publisher> publishers;
    for (std::size_t i = 0; i < streams; ++i) publishers.push_back(make_publisher(**arena, i, actions));
    std::uint32_t time_ms = 0;
    const std::uint64_t rounds = std::max<std::uint64_t>(1, bytes / 4 / streams / read.bytes.size());
    const double gigabytes = static_cast<double>(rounds * streams * read.bytes.size()) * 1e-9;
    for (int pass = 0; pass < 4; ++pass) {
      const double begin = cpu_seconds();
      for (std::uint64_t round = 0; round < rounds; ++round, time_ms += 33) {
        put_time(read.bytes, read.picture_time, time_ms);
        put_time(read.bytes, read.sound_time, time_ms);
        for (Publisher& publisher : publishers)
          take(publisher, read.bytes, std::int64_t{time_ms} * 1000, actions);
      }
      if (pass > 0) least = std::min(least, (cpu_seconds() - begin) / gigabytes);
    }
  }
  {
    const std::size_t ring = 5U << 20;
    std::vector<std::uint8_t> memory(ring * streams, 1);
    const std::uint64_t rounds = std::max<std::uint64_t>(1, bytes / 4 / streams / read.bytes.size());
    const double gigabytes = static_cast<double>(rounds * streams * read.bytes.size()) * 1e-9;
    for (int pass = 0; pass < 3; ++pass) {
      const double begin = cpu_seconds();
      std::size_t place = 0;
      for (std::uint64_t round = 0; round < rounds; ++round, place += read.bytes.size()) {
        if (place + read.bytes.size() > ring) place = 0;
        for (std::size_t i = 0; i < streams; ++i)
          std::memcpy(memory.data() + i * ring + place, read.bytes.data(), read.bytes.size());
      }
      copy = std::min(copy, (cpu_seconds() - begin) / gigabytes);
    }
  }
  std::filesystem::remove_all(directory);
  const double message_ns = (least - copy) * static_cast<double>(read.bytes.size()) / 2;
  if (json) {
    std::printf(
        R"([{"measure":"receive: bytes to media log","value":%.4f,"unit":"CPU s/GB","bare":%.4f,"note":"bare: memcpy of the same bytes"},)"
        R"({"measure":"receive: beyond memcpy","value":%.1f,"unit":"ns/message"}])"
        "\n",
        least, copy, message_ns);
  } else {
    std::printf(
        "receive: bytes to media log   %.4f CPU s/GB\nbare memcpy                   %.4f CPU s/GB\nbeyond "
        "memcpy                 %.0f ns/message\n",
        least, copy, message_ns);
  }
}
