// What the media log costs beside a bare memcpy:
//
//   media_log_bench [--json] [--bytes N] [--record N] [--seconds N]
//
// CPU seconds of this process a GB (1e9 bytes), over memory that is warm for both.
//
// And as ingest works, asleep in between: 200 logs, a message each every 10 ms, and a reader that copies what
// came the last time; with pages of 4 KiB, with huge ones, and with stores past the caches. --seconds N of
// each, in turn; 0 leaves it out.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

using namespace millrace;
using namespace millrace::media;

constexpr std::uint64_t kArenaBytes = 256ULL << 20;
constexpr int kRounds = 5;

// To the nanosecond: a turn asleep takes a fraction of a millisecond.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
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

std::vector<Figure> run(const std::string& directory, const Setup& setup) {
  ArenaConfig config;
  config.directory = directory;
  config.name = "bench";
  config.bytes = kArenaBytes;
  auto arena = ArenaWriter::open(config);
  check(arena.has_value(), "no arena");
  LogDescription description;
  description.stream_id = "bench";
  description.publication_id = PublicationId{1};
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
    auto cursor = (*reader)->open_log((*log)->slot(), PublicationId{1}, 0);
    check(cursor.has_value(), "no cursor");
    records = read_all(*cursor);
  });
  const double over = log_cost - copy_cost;
  const double read_ns = read_cost * 1e9 / static_cast<double>(std::max<std::uint64_t>(records, 1));
  return {{"media log: append", log_cost, "CPU s/GB"},
          {"bare memcpy into warm memory", copy_cost, "CPU s/GB"},
          {"media log: append beyond memcpy", over, "CPU s/GB"},
          {"media log: append beyond memcpy", over * static_cast<double>(setup.source.size()), "ns/record"},
          {"media log: read", read_ns, "ns/record"}};
}

// As memcpy, with stores past the caches where there are any, and in order with what is stored after it.
void streaming_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
#if defined(__SSE2__)
  constexpr std::size_t kLine = 64;
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(to) % kLine;
  if (size < before + kLine) {
    std::memcpy(to, from, size);
    return;
  }
  std::memcpy(to, from, before);
  to += before;
  from += before;
  size -= before;
  for (; size >= kLine; size -= kLine, to += kLine, from += kLine) {
    for (std::size_t i = 0; i < kLine; i += sizeof(__m128i)) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
    }
  }
  std::memcpy(to, from, size);
  _mm_sfence();
#else
  std::memcpy(to, from, size);
#endif
}

// The pattern of ingest that gathers: long enough asleep for the caches to be somebody else's.
class Sleeping {
 public:
  using Copy = void (*)(std::uint8_t*, const std::uint8_t*, std::size_t);
  struct Cost {
    double append = 1e9;
    double read = 1e9;
  };

  Sleeping(const std::string& directory, const char* name, bool huge_pages, Copy copy) : copy_(copy) {
    ArenaConfig config;
    config.directory = directory;
    config.name = name;
    config.bytes = kSleepingBytes;
    config.huge_pages = huge_pages;
    auto arena = ArenaWriter::open(config);
    check(arena.has_value(), "no arena");
    arena_ = std::move(*arena);
    auto reader = ArenaReader::open(directory, name, "bench");
    check(reader.has_value(), "no reader");
    reader_ = std::move(*reader);
    for (std::uint64_t i = 1; i <= kLogs; ++i) begin_log(i);
    for (int turn = 0; turn < kTurnsOfAnArena; ++turn) append(source());
  }

  double huge_share() const {
    const ArenaStatistics statistics = arena_->statistics();
    return static_cast<double>(statistics.huge_page_bytes) / static_cast<double>(statistics.total_bytes);
  }

  // One of the alternating runs; the least of all is kept.
  void run(double seconds) {
    const auto turns = static_cast<int>(seconds * 1e6 / kPeriodUs);
    double appended = 0;
    double read = 0;
    auto next = std::chrono::steady_clock::now();
    for (int turn = 0; turn < turns; ++turn) {
      next += std::chrono::microseconds(kPeriodUs);
      std::this_thread::sleep_until(next);
      const double begin = cpu_seconds();
      read_all();
      const double middle = cpu_seconds();
      append(source());
      read += middle - begin;
      appended += cpu_seconds() - middle;
    }
    const double gigabytes = static_cast<double>(kMessage * kLogs) * turns / 1e9;
    cost.append = std::min(cost.append, appended / gigabytes);
    cost.read = std::min(cost.read, read / gigabytes);
  }

  Cost cost;

 private:
  static constexpr std::uint64_t kSleepingBytes = 256ULL << 20;
  static constexpr std::uint64_t kLogs = 200;
  static constexpr std::size_t kMessage = 5200;
  static constexpr std::size_t kChunk = 4096;  // as publishers send it
  static constexpr int kPeriodUs = 10'000;
  static constexpr int kTurnsOfAnArena = 300;

  struct Stream {
    std::unique_ptr<LogWriter> log;
    std::optional<LogReader> reader;
  };

  static const std::vector<std::uint8_t>& source() {
    static const std::vector<std::uint8_t> bytes(kMessage, 0x5A);
    return bytes;
  }

  void begin_log(std::uint64_t publication) {
    LogDescription description;
    description.stream_id = "bench" + std::to_string(publication);
    description.publication_id = PublicationId{publication};
    description.retention.guaranteed_bytes = 1ULL << 20;
    description.retention.max_bytes = 1ULL << 20;
    auto log = arena_->create_log(description);
    check(log.has_value(), "no log");
    auto reader = reader_->open_log((*log)->slot(), PublicationId{publication}, 0);
    check(reader.has_value(), "no cursor");
    streams_.push_back({std::move(*log), std::move(*reader)});
  }

  void append(const std::vector<std::uint8_t>& bytes) {
    for (Stream& stream : streams_) {
      const auto room = stream.log->reserve(static_cast<std::uint32_t>(bytes.size()), 12);
      check(room.has_value(), "no room");
      std::uint8_t* const place = room->data + room->prefix_room;
      for (std::size_t done = 0; done < bytes.size(); done += kChunk)
        copy_(place + done, bytes.data() + done, std::min(kChunk, bytes.size() - done));
      SampleRecord record{};
      record.arrival_us = monotonic_us();
      stream.log->commit(*room, 12, 12, record);
    }
  }

  void read_all() {
    for (Stream& stream : streams_) {
      for (auto read = stream.reader->read(); !std::holds_alternative<LogReader::Nothing>(read);
           read = stream.reader->read()) {
        if (const auto* sample = std::get_if<LogReader::Sample>(&read)) {
          scratch_.resize(sample->message.size());
          std::memcpy(scratch_.data(), sample->message.data(), scratch_.size());
          stream.reader->advance();
        } else if (const auto* lagged = std::get_if<LogReader::Lagged>(&read)) {
          stream.reader->seek(lagged->next_key);
        }
      }
    }
  }

  Copy copy_;
  std::unique_ptr<ArenaWriter> arena_;
  std::unique_ptr<ArenaReader> reader_;
  std::vector<Stream> streams_;
  std::vector<std::uint8_t> scratch_;
};

std::vector<Figure> run_sleeping(const std::string& directory, double seconds) {
  const Sleeping::Copy plain = [](std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
    std::memcpy(to, from, size);
  };
  Sleeping small(directory, "small", false, plain);
  Sleeping huge(directory, "huge", true, plain);
  Sleeping past(directory, "past", true, streaming_copy);
  for (int round = 0; round < kRounds; ++round) {
    for (Sleeping* variant : {&small, &huge, &past}) variant->run(seconds / kRounds);
  }
  return {{"asleep, 4 KiB pages: append", small.cost.append, "CPU s/GB"},
          {"asleep, huge pages: append", huge.cost.append, "CPU s/GB"},
          {"asleep, huge, past caches: append", past.cost.append, "CPU s/GB"},
          {"asleep, 4 KiB pages: read", small.cost.read, "CPU s/GB"},
          {"asleep, huge pages: read", huge.cost.read, "CPU s/GB"},
          {"asleep, huge, past caches: read", past.cost.read, "CPU s/GB"},
          {"of the arena in huge pages", huge.huge_share(), ""}};
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
  std::vector<Figure> figures = run(directory, setup);
  const std::uint64_t seconds = argument(argc, argv, "--seconds", 5);
  if (seconds > 0) {
    const std::vector<Figure> asleep = run_sleeping(directory, static_cast<double>(seconds));
    figures.insert(figures.end(), asleep.begin(), asleep.end());
  }
  print(figures, json);
  std::filesystem::remove_all(directory);
  return 0;
}
