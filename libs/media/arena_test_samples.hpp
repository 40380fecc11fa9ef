// What the media log's tests and its fuzz target share: a directory of their own in tmpfs, small arenas,
// samples that can be checked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "media/arena_format.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"

namespace millrace::media::testing {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern =
        (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/media-XXXXXX");
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline ArenaConfig small_arena(const std::string& directory, std::uint32_t blocks = 32,
                               std::uint32_t block_bytes = 4096) {
  ArenaConfig config;
  config.directory = directory;
  config.name = "test";
  config.block_bytes = block_bytes;
  config.max_logs = 8;
  config.bytes = kArenaHeaderBytes + config.max_logs * sizeof(LogSlot) + 4096 +
                 std::uint64_t{blocks} * (block_bytes + 4);
  return config;
}

inline LogDescription describe(const std::string& stream, std::uint64_t publication,
                               std::uint32_t guaranteed = 16384) {
  LogDescription description;
  description.stream_id = stream;
  description.publication_id = PublicationId{publication};
  description.epoch = Epoch{publication};
  description.retention.guaranteed_bytes = guaranteed;
  return description;
}

// Bytes that say which sample of which publication they are.
inline Bytes pattern(std::uint64_t publication, std::uint64_t sequence, std::size_t size) {
  Bytes bytes(size);
  std::uint64_t state = publication * 0x9E3779B97F4A7C15ULL + sequence;
  for (std::uint8_t& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  return bytes;
}

inline SampleRecord record_at(std::int64_t arrival_us, bool key = false, std::uint8_t track = kVideoTrack) {
  SampleRecord record{};
  record.arrival_us = arrival_us;
  record.dts = arrival_us;
  record.track = track;
  record.flags = key ? kSampleKey : 0;
  return record;
}

inline std::uint64_t finish(LogWriter& log, const LogWriter::Room& room, const Bytes& payload,
                            SampleRecord record) {
  std::memset(room.data, 0xEE, room.prefix_room);
  std::copy(payload.begin(), payload.end(), room.data + room.prefix_room);
  return log.commit(room, room.prefix_room, static_cast<std::uint8_t>(room.prefix_room), record);
}

// Appends one sample with its pattern; the error if there is no room.
inline Result<std::uint64_t> append(LogWriter& log, std::uint64_t publication, std::size_t size,
                                    SampleRecord record = record_at(0)) {
  const Bytes payload = pattern(publication, log.committed(), size);
  const auto room = log.reserve(static_cast<std::uint32_t>(size));
  if (!room) return tl::unexpected(room.error());
  return finish(log, *room, payload, record);
}

inline Bytes copy(ByteView view) {
  return {view.begin(), view.end()};
}

}  // namespace millrace::media::testing
