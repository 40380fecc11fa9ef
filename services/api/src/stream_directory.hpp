// What auth says about streams, remembered for up to a second, so that status requests cost no question each.
// Names that auth does not know are remembered too. What auth broadcasts goes before what is remembered: a
// stream that has become private or barred is private here from then on. Bounded; thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_map.hpp"
#include "base/result.hpp"
#include "peers.hpp"
#include "playback/revocations.hpp"

namespace millrace::api {

// What public answers need of a stream.
struct StreamEntry {
  std::string stream_id;
  std::string subject;
  bool is_private = false;  // or barred
};

class StreamDirectory {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kLifetime{1000};
  // Names that are known, and names that are not, each: beyond it the oldest is forgotten.
  static constexpr std::size_t kCapacity = 16'384;

  // watching: what auth broadcasts. Both outlive this.
  StreamDirectory(Peers& peers, const playback::Revocations& watching) : peers_(peers), watching_(watching) {}

  // name: the public id or the key. nullopt: there is no such stream. Errors: auth did not answer.
  Result<std::optional<StreamEntry>> find(std::string_view name, Peers::Deadline deadline);
  // Without asking: nullopt when it is not remembered.
  std::optional<std::optional<StreamEntry>> remembered(std::string_view name, Clock::time_point now);
  // Of many ids at once; those that auth does not know are missing. Errors: auth did not answer.
  Result<std::map<std::string, StreamEntry, std::less<>>> find_all(const std::vector<std::string>& ids,
                                                                   Peers::Deadline deadline);
  // Whatever is remembered of a stream, its key included.
  void forget(std::string_view stream_id);

 private:
  struct Known {
    StreamEntry entry;
    Clock::time_point until;
  };
  StreamEntry as_it_stands(StreamEntry entry) const;
  void remember(std::string_view name, StreamEntry entry);
  void remember_unknown(std::string_view name);

  Peers& peers_;
  const playback::Revocations& watching_;
  std::mutex mutex_;
  BoundedMap<std::string, Known> known_{kCapacity};
  BoundedMap<std::string, Clock::time_point> unknown_{kCapacity};  // until when
  std::uint64_t changes_ = 0;  // an answer that was asked for before one is not remembered
};

}  // namespace millrace::api
