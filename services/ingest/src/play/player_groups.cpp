#include "play/player_groups.hpp"

namespace millrace::ingest {

PlayerGroup& PlayerGroups::of(const std::string& stream_id) {
  std::unique_ptr<PlayerGroup>& group = groups_[stream_id];
  if (!group) group = std::make_unique<PlayerGroup>(context_, stream_id);
  return *group;
}

PlayerGroup* PlayerGroups::find(const std::string& stream_id) {
  const auto found = groups_.find(stream_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

void PlayerGroups::stream_began(const LiveStreamPtr& stream) {
  if (PlayerGroup* group = find(stream->stream_id)) group->attach(stream);
}

void PlayerGroups::stream_ended(const LiveStreamPtr& stream) {
  if (PlayerGroup* group = find(stream->stream_id)) group->detach(stream);
}

void PlayerGroups::wake(const LiveStreamPtr& stream) {
  if (PlayerGroup* group = find(stream->stream_id)) group->request_flush();
}

void PlayerGroups::tick(std::int64_t now_us) {
  for (const auto& [id, group] : groups_) group->tick(now_us);
  std::erase_if(groups_, [](const auto& entry) { return entry.second->empty(); });
}

}  // namespace millrace::ingest
