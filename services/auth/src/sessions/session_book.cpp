#include "sessions/session_book.hpp"

#include <algorithm>

namespace millrace::auth {

bool SessionBook::add(Session session) {
  if (sessions_.size() >= kMaxSessions) return false;
  const PublicationId id = session.id();
  if (!session.ended_wall.is_set()) by_stream_.emplace(session.request.stream_id, id);
  return sessions_.emplace(id, std::move(session)).second;
}

Session* SessionBook::find(PublicationId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* SessionBook::find(PublicationId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* SessionBook::newest(std::string_view stream_id) const {
  const Session* newest = nullptr;
  const auto [first, last] = by_stream_.equal_range(stream_id);
  for (auto entry = first; entry != last; ++entry) {
    const Session& session = sessions_.at(entry->second);
    if (newest == nullptr || session.arrival > newest->arrival) newest = &session;
  }
  return newest;
}

PublicationId SessionBook::open_session(std::string_view stream_id, std::string_view session_id) const {
  const auto [first, last] = by_stream_.equal_range(stream_id);
  for (auto entry = first; entry != last; ++entry) {
    if (sessions_.at(entry->second).request.session_id == session_id) return entry->second;
  }
  return kNoPublication;
}

bool SessionBook::published(PublicationId id) {
  Session* const session = find(id);
  if (session == nullptr) return true;
  if (session->ended_wall.is_set()) return false;
  session->live = true;
  return true;
}

Session* SessionBook::end(PublicationId id, WallTime wall) {
  Session* const session = find(id);
  if (session == nullptr || session->ended_wall.is_set()) return nullptr;
  session->ended_wall = std::max(wall, WallTime::from_us(1));
  const auto [first, last] = by_stream_.equal_range(session->request.stream_id);
  const auto entry = std::find_if(first, last, [&](const auto& open) { return open.second == id; });
  if (entry != last) by_stream_.erase(entry);
  return session;
}

std::vector<PublicationId> SessionBook::missing(const std::unordered_set<PublicationId>& live) const {
  std::vector<PublicationId> ids;
  for (const auto& [id, session] : sessions_) {
    if (!session.ended_wall.is_set() && session.live && !live.contains(id)) ids.push_back(id);
  }
  return ids;
}

std::vector<PublicationId> SessionBook::unseen(WallTime wall) const {
  std::vector<PublicationId> ids;
  for (const auto& [id, session] : sessions_) {
    // A clock that was set back must not keep a session for ever.
    const bool old = wall - session.admitted_wall > kUnseenUs || wall < session.admitted_wall - kUnseenUs;
    if (!session.ended_wall.is_set() && !session.live && old) ids.push_back(id);
  }
  return ids;
}

std::vector<PublicationId> SessionBook::open() const {
  std::vector<PublicationId> ids;
  for (const auto& [id, session] : sessions_) {
    if (!session.ended_wall.is_set()) ids.push_back(id);
  }
  return ids;
}

void SessionBook::erase(PublicationId id) {
  end(id, WallTime::from_us(1));
  sessions_.erase(id);
}

}  // namespace millrace::auth
