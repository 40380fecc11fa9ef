// Which configuration of each track a consumer of a log was given last, and what it has to be given before it
// can use a record. Reads the log; keeps no reference to it.
//
// Owner: a consumer; its thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/arena_reader.hpp"

namespace millrace::media {

class ConfigurationsInForce {
 public:
  ConfigurationsInForce() { forget(); }

  // Everything for a consumer that begins with this record. What describes the stream comes first: the newest
  // metadata, the newest annotation of picture and of sound. Then by track: of the first picture and the
  // first sound what is in force, also where one is silent; of others the newest (a record of another one
  // corrects it when it comes).
  std::vector<LogReader::Configuration> begin(const LogReader& log, const SampleRecord& first);
  // What is missing for one that goes on with this record: descriptions that are new, then its track's
  // configuration. Nearly always empty, which costs two comparisons.
  std::vector<LogReader::Configuration> before(const LogReader& log, const SampleRecord& next);

  // Whether the record needs no other configuration of its track than was given.
  bool knows(const SampleRecord& record) const {
    return record.track >= by_track_.size() || by_track_[record.track] == record.configuration;
  }
  // The track's, if it was given one.
  std::optional<std::uint32_t> of(std::uint8_t track) const;
  // Counts it as given. An annotation stands beside its track's configuration, not in its place.
  void give(const TrackConfiguration& description);
  void forget();

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  void take(const LogReader& log, std::uint32_t index, std::vector<LogReader::Configuration>& given);

  std::array<std::uint32_t, kMaxTracks> by_track_;
  std::uint32_t seen_ = 0;  // of the log's configurations, whether they were given or not
};

}  // namespace millrace::media
