#include "session_book.hpp"

#include <algorithm>

namespace millrace::auth {

bool SessionBook::add(Session session) {
  if (sessions_.size() >= kMaxSessions) return false;
  const std::uint64_t id = session.visit.id;
  if (session.ended_wall_us == 0) by_stream_.emplace(session.visit.stream_id, id);
  return sessions_.emplace(id, std::move(session)).second;
}

Session* SessionBook::find(std::uint64_t id) {
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

std::uint64_t SessionBook::open_session(std::string_view stream_id, std::string_view session_id) const {
  const auto [first, last] = by_stream_.equal_range(stream_id);
  for (auto entry = first; entry != last; ++entry) {
    if (sessions_.at(entry->second).visit.session_id == session_id) return entry->second;
  }
  return 0;
}

bool SessionBook::published(std::uint64_t id) {
  Session* const session = find(id);
  if (session == nullptr) return true;
  if (session->ended_wall_us != 0) return false;
  session->live = true;
  return true;
}

Session* SessionBook::end(std::uint64_t id, std::int64_t wall_us) {
  Session* const session = find(id);
  if (session == nullptr || session->ended_wall_us != 0) return nullptr;
  session->ended_wall_us = std::max<std::int64_t>(wall_us, 1);
  const auto [first, last] = by_stream_.equal_range(session->visit.stream_id);
  const auto entry = std::find_if(first, last, [&](const auto& open) { return open.second == id; });
  if (entry != last) by_stream_.erase(entry);
  return session;
}

std::vector<std::uint64_t> SessionBook::missing(const std::unordered_set<std::uint64_t>& live) const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, session] : sessions_) {
    if (session.ended_wall_us == 0 && session.live && !live.contains(id)) ids.push_back(id);
  }
  return ids;
}

std::vector<std::uint64_t> SessionBook::unseen(std::int64_t wall_us) const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, session] : sessions_) {
    // A clock that was set back must not keep a session for ever.
    const bool old =
        wall_us - session.admitted_wall_us > kUnseenUs || wall_us < session.admitted_wall_us - kUnseenUs;
    if (session.ended_wall_us == 0 && !session.live && old) ids.push_back(id);
  }
  return ids;
}

std::vector<std::uint64_t> SessionBook::open() const {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, session] : sessions_) {
    if (session.ended_wall_us == 0) ids.push_back(id);
  }
  return ids;
}

void SessionBook::erase(std::uint64_t id) {
  end(id, 1);
  sessions_.erase(id);
}

}  // namespace millrace::auth
