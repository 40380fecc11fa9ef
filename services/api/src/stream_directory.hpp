// What auth says about streams, remembered for up to a second, so that status requests cost no question each.
// Names that auth does not know are remembered too. Bounded; thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "peers.hpp"

namespace millrace::api {

// What public answers need of a stream.
struct StreamEntry {
  std::string stream_id;
  std::string subject;
  bool is_private = false;
};

class StreamDirectory {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kLifetime{1000};
  // Names that are known, and names that are not, each: beyond it all of them are forgotten.
  static constexpr std::size_t kCapacity = 16'384;

  explicit StreamDirectory(Peers& peers) : peers_(peers) {}

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
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void remember(std::string_view name, StreamEntry entry);
  void remember_unknown(std::string_view name);

  Peers& peers_;
  std::mutex mutex_;
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
  std::unordered_map<std::string, Clock::time_point, Hash, std::equal_to<>> unknown_;
  std::uint64_t changes_ = 0;  // an answer that was asked for before one is not remembered
};

}  // namespace millrace::api
