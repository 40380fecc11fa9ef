// Which sessions are open, and when one is over: from ingest's events, from its snapshots, or because nothing
// was ever seen of it. Sans-IO; one owner; times are the wall clock's, as they outlive a restart.
//
//   admitted ──StreamPublished──> live ──StreamEnded, or missing in a snapshot──> ended
//       └──PublicationDropped, or 60 s without a sign and ingest does not know it──┘
#pragma once

#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/wall_time.hpp"
#include "sessions/session.hpp"

namespace millrace::auth {

class SessionBook {
 public:
  static constexpr std::size_t kMaxSessions = 65'536;
  // After this without a sign of life ingest is asked to close the publication; what it does not know has
  // ended.
  static constexpr std::int64_t kUnseenUs = 60'000'000;

  // False: no room.
  bool add(Session session);
  Session* find(PublicationId id);
  const Session* find(PublicationId id) const;
  // The open session of a stream that came last; null when there is none.
  const Session* newest(std::string_view stream_id) const;
  // The open publication of a stream that the callback calls so; kNoPublication when there is none.
  PublicationId open_session(std::string_view stream_id, std::string_view session_id) const;
  std::size_t size() const { return sessions_.size(); }

  // False: this publication should not be live, as its end has been reported already.
  bool published(PublicationId id);
  // The session when this ended it; null when it is unknown or over.
  Session* end(PublicationId id, WallTime wall);
  // Live ones that are not among these any more.
  std::vector<PublicationId> missing(const std::unordered_set<PublicationId>& live) const;
  std::vector<PublicationId> unseen(WallTime wall) const;
  // All that are open.
  std::vector<PublicationId> open() const;
  void erase(PublicationId id);

 private:
  std::unordered_map<PublicationId, Session> sessions_;
  std::multimap<std::string, PublicationId, std::less<>> by_stream_;  // open ones
};

}  // namespace millrace::auth
