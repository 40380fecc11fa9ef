// What the media log costs beside a bare memcpy: media_log_bench [--json] [--bytes N] [--record N]
// CPU seconds of this process a GB (1e9 bytes), over memory that is warm for both.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"

namespace {

using namespace millrace;
using namespace millrace::media;

constexpr std::uint64_t kArenaBytes = 256ULL << 20;
constexpr int kRounds = 5;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The least of several rounds: others' load only ever adds.
double least_cpu(const std::function<void()>& work) {
  double least = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = cpu_seconds();
    work();
    least = std::min(least, cpu_seconds() - begin);
  }
  return least;
}

void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "media_log_bench: %s\n", what);
  std::exit(1);
}

struct Setup {
  std::uint64_t records;
  std::vector<std::uint8_t> source;
};

void append_all(LogWriter& log, const Setup& setup) {
  for (std::uint64_t i = 0; i < setup.records; ++i) {
    const auto room = log.reserve(static_cast<std::uint32_t>(setup.source.size()), 12);
    check(room.has_value(), "no room");
    std::memcpy(room->data + room->prefix_room, setup.source.data(), setup.source.size());
    SampleRecord record{};
    record.arrival_us = static_cast<std::int64_t>(i);
    record.flags = i % 60 == 0 ? kSampleKey : 0;
    log.commit(*room, 12, 12, record);
  }
}

// The same bytes into a ring of the same size, without any bookkeeping.
void copy_all(std::uint8_t* ring, std::uint64_t ring_bytes, const Setup& setup) {
  std::uint64_t place = 0;
  for (std::uint64_t i = 0; i < setup.records; ++i) {
    if (place + setup.source.size() > ring_bytes) place = 0;
    std::memcpy(ring + place, setup.source.data(), setup.source.size());
    place += setup.source.size();
  }
}

std::uint64_t read_all(LogReader& reader) {
  std::uint64_t records = 0;
  while (std::holds_alternative<LogReader::Sample>(reader.read())) {
    reader.advance();
    ++records;
  }
  return records;
}

std::uint64_t argument(int argc, char** argv, const char* name, std::uint64_t otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return otherwise;
}

struct Figure {
  const char* measure;
  double value;
  const char* unit;
};

void print(const std::vector<Figure>& figures, bool json) {
  const char* separator = "[";
  for (const Figure& figure : figures) {
    if (json) {
      std::printf("%s{\"measure\": \"%s\", \"value\": %.4f, \"unit\": \"%s\"}", separator, figure.measure,
                  figure.value, figure.unit);
      separator = ", ";
    } else {
      std::printf("%-36s %10.4f %s\n", figure.measure, figure.value, figure.unit);
    }
  }
  if (json) std::printf("]\n");
}

void run(const std::string& directory, const Setup& setup, bool json) {
  ArenaConfig config;
  config.directory = directory;
  config.name = "bench";
  config.bytes = kArenaBytes;
  auto arena = ArenaWriter::open(config);
  check(arena.has_value(), "no arena");
  LogDescription description;
  description.stream_id = "bench";
  description.publication_id = 1;
  description.retention.max_bytes = kArenaBytes;
  auto log = (*arena)->create_log(description);
  check(log.has_value(), "no log");
  const double gigabytes = static_cast<double>(setup.records * setup.source.size()) / 1e9;
  append_all(**log, setup);  // the first time round the arena
  const double log_cost = least_cpu([&] { append_all(**log, setup); }) / gigabytes;
  std::vector<std::uint8_t> ring(kArenaBytes, 1);
  const double copy_cost = least_cpu([&] { copy_all(ring.data(), ring.size(), setup); }) / gigabytes;
  auto reader = ArenaReader::open(directory, "bench", "bench");
  check(reader.has_value(), "no reader");
  std::uint64_t records = 0;
  const double read_cost = least_cpu([&] {
    auto cursor = (*reader)->open_log((*log)->slot(), 1, 0);
    check(cursor.has_value(), "no cursor");
    records = read_all(*cursor);
  });
  const double over = log_cost - copy_cost;
  const double read_ns = read_cost * 1e9 / static_cast<double>(std::max<std::uint64_t>(records, 1));
  print({{"media log: append", log_cost, "CPU s/GB"},
         {"bare memcpy into warm memory", copy_cost, "CPU s/GB"},
         {"media log: append beyond memcpy", over, "CPU s/GB"},
         {"media log: append beyond memcpy", over * static_cast<double>(setup.source.size()), "ns/record"},
         {"media log: read", read_ns, "ns/record"}},
        json);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t record = std::clamp<std::uint64_t>(argument(argc, argv, "--record", 5200), 1, 200'000);
  const std::uint64_t bytes = argument(argc, argv, "--bytes", 1'000'000'000);
  const Setup setup{std::max<std::uint64_t>(bytes / record, 1), std::vector<std::uint8_t>(record, 0x5A)};
  const bool json =
      std::any_of(argv + 1, argv + argc, [](const char* text) { return std::strcmp(text, "--json") == 0; });
  std::string directory = "/dev/shm/media-log-bench-XXXXXX";
  check(::mkdtemp(directory.data()) != nullptr, "no directory");
  run(directory, setup, json);
  std::filesystem::remove_all(directory);
  return 0;
}
