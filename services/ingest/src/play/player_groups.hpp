// The groups of players of one shard, by stream: made for the first player, dropped after the last.
//
// Owner: the shard; its thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "play/player_group.hpp"

namespace millrace::ingest {

class PlayerGroups {
 public:
  explicit PlayerGroups(const PlayerGroupContext& context) : context_(context) {}

  PlayerGroup& of(const std::string& stream_id);
  void stream_began(const LiveStreamPtr& stream);
  void stream_ended(const LiveStreamPtr& stream);
  // There are new records.
  void wake(const LiveStreamPtr& stream);
  void tick(std::int64_t now_us);

 private:
  PlayerGroup* find(const std::string& stream_id);

  PlayerGroupContext context_;
  std::map<std::string, std::unique_ptr<PlayerGroup>, std::less<>> groups_;
};

}  // namespace millrace::ingest
