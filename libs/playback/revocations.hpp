// What was taken back of playback tokens that are still running, which streams have become private and which
// are barred, as auth broadcasts it. Bounded: beyond kMaxEntries the entry that runs out first is forgotten.
// Thread-safe; looks are cheap. Times are passed in.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/wall_time.hpp"
#include "playback/playback_token.hpp"

namespace millrace::playback {

// Who may watch a stream, as far as auth's word goes; what its media log says comes on top.
enum class Standing : std::uint8_t {
  kUnknown,  // auth has not been heard in whole yet: nobody, try again shortly
  kBarred,   // nobody: banned, of an account that is switched off, or deleted
  kPrivate,  // who has a token
  kPublic,
};

// An auth process since one of its starts. One runs for each database; a successor may have another name.
struct AuthStart {
  std::string instance;
  std::uint64_t boot = 0;
  bool operator==(const AuthStart&) const = default;
};

class Revocations {
 public:
  static constexpr std::size_t kMaxEntries = 20'000;
  // Half of it for what auth names at its start, half for what changes while it runs. More is not taken, but
  // counted (not_taken): such a stream's live media is refused where it is published and by its log's own
  // mark, its recordings by the API's question to auth.
  static constexpr std::size_t kMaxPrivate = 2 * kMaxEntries;
  static constexpr std::size_t kMaxBarred = 2 * kMaxEntries;  // likewise

  static constexpr std::size_t kMaxInstances = 256;  // of one that does not fit nothing is forgotten

  // Tokens of this lease are worth nothing; lease 0: all of the viewer. until: the last of them has run out
  // by then.
  void revoke(const Viewer& viewer, WallTime until);
  void set_private(std::string_view stream_id, bool is_private, const AuthStart& from = {});
  void set_barred(std::string_view stream_id, bool is_barred, const AuthStart& from = {});
  // Everything that this start of auth knows has been put in: what only earlier starts of the instance have
  // named is forgotten, unless it named as many as it names at most (kMaxEntries), so that there may be more.
  // Until then it stays. What is known outlives auth's absence.
  void set_complete(const AuthStart& from = {});

  bool is_revoked(const Claims& claims) const;
  Standing standing(std::string_view stream_id) const;
  bool is_barred(std::string_view stream_id) const;
  bool is_complete() const { return complete_; }
  std::size_t size() const;
  // How many streams were left out for want of room.
  std::uint64_t not_taken() const { return not_taken_; }
  // How often a stream has become private, barred, or neither any more: what was made before may be wrong.
  std::uint64_t changes() const { return changes_; }

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct Streams {
    // By id, with who named it last.
    std::unordered_map<std::string, AuthStart, Hash, std::equal_to<>> named;
    // What an instance has named since the start that was heard last: members or not, the same one perhaps
    // twice. kMaxInstances of them.
    struct Told {
      std::uint64_t boot = 0;
      std::size_t count = 0;
    };
    std::map<std::string, Told, std::less<>> told;
  };
  void set(Streams& streams, std::size_t max, std::string_view stream_id, bool member, const AuthStart& from);
  void forget_earlier(Streams& streams, const AuthStart& from);

  mutable std::shared_mutex mutex_;
  std::map<Key, WallTime> viewers_;  // until when
  std::set<std::pair<WallTime, Key>> by_end_;
  Streams private_;
  Streams barred_;
  std::atomic<bool> complete_{false};
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<std::uint64_t> not_taken_{0};
};

}  // namespace millrace::playback
