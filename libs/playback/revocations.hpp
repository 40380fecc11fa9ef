// What was taken back of playback tokens that are still running, and which streams have become private, as
// auth broadcasts it. Bounded: beyond kMaxEntries the entry that runs out first is forgotten. Thread-safe;
// looks are cheap. Times are wall-clock seconds and passed in.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "playback/playback_token.hpp"

namespace millrace::playback {

class Revocations {
 public:
  static constexpr std::size_t kMaxEntries = 20'000;
  // Half of it for what auth names at its start, half for what changes while it runs; more is not taken.
  static constexpr std::size_t kMaxPrivate = 2 * kMaxEntries;

  // Tokens of this lease are worth nothing; lease 0: all of the viewer. until_s: the last of them has run out
  // by then.
  void revoke(const Viewer& viewer, std::int64_t until_s);
  void set_private(std::string_view stream_id, bool is_private);

  bool is_revoked(const Claims& claims) const;
  bool is_private(std::string_view stream_id) const;
  std::size_t size() const;

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  mutable std::shared_mutex mutex_;
  std::map<Key, std::int64_t> viewers_;  // until when
  std::set<std::pair<std::int64_t, Key>> by_end_;
  std::unordered_set<std::string, Hash, std::equal_to<>> private_;
};

}  // namespace millrace::playback
