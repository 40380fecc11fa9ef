// What was taken back of playback tokens that are still running, which streams have become private and which
// are barred, as auth broadcasts it. Bounded: beyond kMaxEntries the entry that runs out first is forgotten.
// Thread-safe; looks are cheap. Times are wall-clock seconds and passed in.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "playback/playback_token.hpp"

namespace millrace::playback {

// Who may watch a stream, as far as auth's word goes; what its media log says comes on top.
enum class Standing : std::uint8_t {
  kUnknown,  // auth has not been heard in whole yet: nobody, try again shortly
  kBarred,   // nobody: banned, of an account that is switched off, or deleted
  kPrivate,  // who has a token
  kPublic,
};

class Revocations {
 public:
  static constexpr std::size_t kMaxEntries = 20'000;
  // Half of it for what auth names at its start, half for what changes while it runs; more is not taken.
  static constexpr std::size_t kMaxPrivate = 2 * kMaxEntries;
  static constexpr std::size_t kMaxBarred = 2 * kMaxEntries;  // likewise

  // Tokens of this lease are worth nothing; lease 0: all of the viewer. until_s: the last of them has run out
  // by then.
  void revoke(const Viewer& viewer, std::int64_t until_s);
  void set_private(std::string_view stream_id, bool is_private);
  void set_barred(std::string_view stream_id, bool is_barred);
  // Everything that auth knows has been put in once. It stays so: what is known outlives auth's absence.
  void set_complete() { complete_ = true; }

  bool is_revoked(const Claims& claims) const;
  Standing standing(std::string_view stream_id) const;
  bool is_barred(std::string_view stream_id) const;
  bool is_complete() const { return complete_; }
  std::size_t size() const;

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Streams = std::unordered_set<std::string, Hash, std::equal_to<>>;
  void set(Streams& streams, std::size_t max, std::string_view stream_id, bool member);

  mutable std::shared_mutex mutex_;
  std::map<Key, std::int64_t> viewers_;  // until when
  std::set<std::pair<std::int64_t, Key>> by_end_;
  Streams private_;
  Streams barred_;
  std::atomic<bool> complete_{false};
};

}  // namespace millrace::playback
