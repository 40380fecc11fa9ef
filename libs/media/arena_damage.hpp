// Use of an arena file that may hold anything: what the damage test and the fuzz target run.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "media/arena_test_samples.hpp"

namespace millrace::media::testing {

// The files of an arena with two live logs and an ended one, as a killed writer leaves them.
inline Bytes arena_to_damage(const std::string& directory, const ArenaConfig& config) {
  auto writer = ArenaWriter::open(config);
  if (!writer) return {};
  std::vector<std::unique_ptr<LogWriter>> logs;
  for (std::uint64_t publication = 1; publication <= 3; ++publication) {
    auto log = (*writer)->create_log(describe("s" + std::to_string(publication), publication));
    if (!log || !(*log)->add_configuration({}, pattern(1, 1, 17), pattern(1, 2, 30))) return {};
    for (int i = 0; i < 120; ++i) {
      if (!append(**log, publication, i % 40 == 0 ? 6000 : 90, record_at(i, i % 40 == 0))) return {};
    }
    logs.push_back(std::move(*log));
  }
  logs[2]->end(LogEnd::kUnpublished);
  std::ifstream file(arena_path(directory, config.name), std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Touches every byte that a reader is given.
inline std::uint64_t use(const LogReader& reader, const LogReader::Sample& sample) {
  std::uint64_t sum = reader.intact(sample.record) ? 1 : 0;
  for (const std::uint8_t byte : sample.message) sum += byte;
  return sum;
}

inline std::uint64_t read_everything(ArenaReader& arena) {
  constexpr int kSteps = 400;
  std::uint64_t sum = 0;
  for (const LogInfo& info : arena.logs()) {
    if (!is_valid_id(info.stream_id) || info.publication_id == kNoPublication || info.end > LogEnd::kRevoked)
      std::abort();
    auto reader = arena.open_log(info.slot, info.publication_id, 0);
    if (!reader) continue;
    for (int step = 0; step < kSteps; ++step) {
      const auto read = reader->read();
      if (const auto* sample = std::get_if<LogReader::Sample>(&read)) {
        sum += use(*reader, *sample);
        reader->advance();
      } else if (const auto* lagged = std::get_if<LogReader::Lagged>(&read)) {
        reader->seek(lagged->next_key);
      } else {
        break;
      }
    }
    for (std::uint32_t i = 0; i < reader->configuration_count(); ++i) {
      if (const auto configuration = reader->configuration(i)) sum += configuration->message.size();
    }
    if (const auto key = reader->newest_key()) sum += reader->at(*key) ? 1 : 0;
    sum += reader->info().committed;
  }
  return sum;
}

// A reader and then a writer on what is there. False if the writer could not work on.
inline bool read_and_take_over(const ArenaConfig& config) {
  if (auto reader = ArenaReader::open(config.directory, config.name, "damage"))
    (void)read_everything(**reader);
  auto writer = ArenaWriter::open(config);
  if (!writer) return false;
  (*writer)->maintain(1);
  (void)(*writer)->continuation({"s1"});
  auto log = (*writer)->create_log(describe("new", 99));
  if (!log) return false;
  for (int i = 0; i < 150; ++i) {
    if (!append(**log, 99, 500, record_at(i))) return false;
  }
  (*writer)->maintain(4'000'000'000'000'000);
  const auto reader = ArenaReader::open(config.directory, config.name, "damage");
  return reader && read_everything(**reader) > 0;
}

}  // namespace millrace::media::testing
