// What stands in for publishers that are away: as long as one may come back, its stream has a log of gaps
// (publication::GapWriter), so that its playlists move on in real time.
//
//   publisher_left ──a piece is over──> its log is written ──> publisher_comes, withdraw, or the time to
//        └───────── publisher_comes: there was no gap ──^       come back is over: the log ends
//
// A log that is made for a stream goes on from the numbers of the last one: it is made within
// publisher_comes(), while no slate is written. A publisher that is connected and silent has not left; nor
// has a stream's publisher when an older one leaves behind it, on another thread.
//
// Any thread. No clock, no socket.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "other_services.hpp"
#include "publication/gap_writer.hpp"

namespace millrace::ingest {

struct Moment {
  std::int64_t monotonic_us = 0;
  WallTime wall{};
};

class Slates {
 public:
  // Of streams whose publishers are away or were lately; further ones have no slate.
  static constexpr std::size_t kMostStreams = 4096;

  struct Policy {
    bool enabled = true;               // SLATE
    std::int64_t grace_us = 0;         // from the last media on
    media::RetentionPolicy retention;  // of sources
  };
  Slates(media::ArenaWriter& arena, const Policy& policy) : arena_(arena), policy_(policy) {}

  // Told when there is something to write earlier than before; on the caller's thread, outside the lock.
  void set_observer(std::function<void()> observer) { observer_ = std::move(observer); }

  struct Left {
    std::string stream_id;
    PublicationId publication_id{};
    bool is_private = false;
    std::int64_t last_media_us = 0;  // arrival; 0: it sent none, what was known before counts
    std::uint32_t incarnation = 0;   // slates of the stream's newest epoch so far
    bool may_return = true;
  };
  // Its log has ended. now: the date as the log has it.
  void publisher_left(const Left& left, const Moment& now);
  // Ends the stream's slate when the publication's log could be made (true): it goes on from the slate.
  // Where there is no room the slate goes on. make_log: within the lock.
  bool publisher_comes(const std::string& stream_id, PublicationId publication_id,
                       const std::function<bool()>& make_log);
  // Nobody of these may come back: the stream was closed.
  void withdraw(std::string_view stream_id, LiveStreams::Which which);
  // What an earlier writer of the arena has left: publishers that are away as its logs tell.
  void resume(media::ArenaReader& arena, const Moment& now);

  // Writes what is over by now.
  std::vector<NewRecords> advance(std::int64_t now_us);
  // When that is to be called again; nullopt: nobody is away.
  std::optional<std::int64_t> due_us() const;
  // Streams that have one now.
  std::size_t count() const;
  // Ends all; from now on there are none.
  void stop();

 private:
  struct Entry {
    Left left;
    std::int64_t deadline_us = 0;
    bool away = false;
    Moment began{};
    media::StreamContinuation numbers;
    std::optional<publication::GapWriter> writer{};
    LiveStreamPtr slate{};  // the log's identity, once there is one
    std::int64_t scheduled_us = 0;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  std::int64_t due_us(const Entry& entry) const;
  static std::int64_t first_piece_us(const Entry& entry);
  void note(const Left& left, const Moment& now);
  void schedule(const Entries::iterator& entry);
  void erase(const Entries::iterator& entry, media::LogEnd reason);
  bool open(Entry& entry);
  std::optional<NewRecords> write(Entry& entry, std::int64_t now_us);
  static void finish(Entry& entry, media::LogEnd reason);

  media::ArenaWriter& arena_;
  Policy policy_;
  std::function<void()> observer_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::set<std::pair<std::int64_t, std::string_view>> due_;  // of all entries, whose names these are
  // The newest publications of streams that have one; as many as there are publishers.
  std::map<std::string, PublicationId, std::less<>> present_;
};

}  // namespace millrace::ingest
