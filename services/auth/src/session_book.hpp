// Which sessions are open, and when one is over: from ingest's events, from its snapshots, or because nothing
// was ever seen of it. Sans-IO; one owner; times are wall-clock microseconds, as they outlive a restart.
//
//   admitted ──StreamPublished──> live ──StreamEnded, or missing in a snapshot──> ended
//       └──PublicationDropped, or 60 s without a sign and ingest does not know it──┘
#pragma once

#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "session.hpp"

namespace millrace::auth {

class SessionBook {
 public:
  static constexpr std::size_t kMaxSessions = 65'536;
  // After this without a sign of life ingest is asked to close the publication; what it does not know has
  // ended.
  static constexpr std::int64_t kUnseenUs = 60'000'000;

  // False: no room.
  bool add(Session session);
  Session* find(std::uint64_t id);
  // The open session of a stream that came last; null when there is none.
  const Session* newest(std::string_view stream_id) const;
  // The open publication of a stream that the callback calls so; 0 when there is none.
  std::uint64_t open_session(std::string_view stream_id, std::string_view session_id) const;
  std::size_t size() const { return sessions_.size(); }

  // False: this publication should not be live, as its end has been reported already.
  bool published(std::uint64_t id);
  // The session when this ended it; null when it is unknown or over.
  Session* end(std::uint64_t id, std::int64_t wall_us);
  // Live ones that are not among these any more.
  std::vector<std::uint64_t> missing(const std::unordered_set<std::uint64_t>& live) const;
  std::vector<std::uint64_t> unseen(std::int64_t wall_us) const;
  // All that are open.
  std::vector<std::uint64_t> open() const;
  void erase(std::uint64_t id);

 private:
  std::unordered_map<std::uint64_t, Session> sessions_;
  std::multimap<std::string, std::uint64_t, std::less<>> by_stream_;  // open ones
};

}  // namespace millrace::auth
