// Reading of one log, as far as it goes: its records into segments, its configurations into descriptions.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/arena_reader.hpp"
#include "segment_index.hpp"
#include "shared_log.hpp"
#include "track_configuration.hpp"

namespace millrace::packaging {

// What of a log is not in the index: where it is read, and what its configurations say, in their order.
struct FollowedLog {
  std::shared_ptr<media::ArenaReader> arena;
  std::shared_ptr<SharedLog> log;
  std::vector<std::shared_ptr<const TrackDescription>> descriptions{};
  media::LogEnd end = media::LogEnd::kLive;  // as of the last reading
};

struct ReadingNews {
  std::vector<std::string> problems;
  // Data messages for players among the records read: those that are taken, and those that are not, damaged
  // or too many.
  std::uint64_t events = 0, refused_events = 0;
};

// budget: index records that may be read yet. True when it ended before the log did.
bool read_log(PublicationLog& log, FollowedLog& followed, std::size_t& budget, ReadingNews& news);

}  // namespace millrace::packaging
