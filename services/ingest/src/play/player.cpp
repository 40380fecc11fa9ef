#include "play/player.hpp"

#include <algorithm>

namespace millrace::ingest {

PlayFrom play_from(std::string_view query) {
  PlayFrom from = PlayFrom::kNewestKey;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    if (parameter == "cache=no") from = PlayFrom::kNextKey;
    if (parameter == "cache=clear") from = PlayFrom::kOldestKey;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return from;
}

void Player::end(std::string_view code, std::string_view description) {
  if (in_message()) return connection.close(media::LogEnd::kDisconnected, "too slow for a status");
  const Bytes status = connection.session().end_play(message_stream_id, code, description);
  if (connection.send(status)) connection.linger();
}

}  // namespace millrace::ingest
