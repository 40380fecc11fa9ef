#include "streams/live_streams.hpp"

#include <utility>

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace millrace::ingest {

std::string hex_id(PublicationId id) {
  ByteWriter bytes;
  bytes.u64(number_of(id));
  return hex(bytes.view());
}

void LiveStreams::set_observer(Observer observer) {
  const std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void LiveStreams::claim(const LiveStreamPtr& stream, Answer answer) {
  LiveStreamPtr leaving;
  Answer refused;
  Claim result = Claim::kGranted;
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[stream->stream_id];
    const bool older = (entry.owner && entry.owner->epoch >= stream->epoch) ||
                       (entry.waiting && entry.waiting->epoch >= stream->epoch);
    if (older) {
      refused = std::move(answer);
      result = Claim::kSuperseded;
    } else if (!entry.owner) {
      entry.owner = stream;
    } else {
      refused = std::exchange(entry.answer, std::move(answer));
      entry.waiting = stream;
      leaving = entry.owner;
    }
  }
  if (refused) refused(Claim::kSuperseded);
  if (leaving) leaving->terminate(media::LogEnd::kTakenOver);
  if (!leaving && result == Claim::kGranted) answer(Claim::kGranted);
}

void LiveStreams::set_live(const LiveStreamPtr& stream) {
  stream->live.store(true, std::memory_order_release);
  Observer observer;
  {
    const std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (observer) observer(stream);
}

void LiveStreams::set_ended(const LiveStreamPtr& stream) {
  stream->ended.store(true, std::memory_order_release);
  Observer observer;
  {
    const std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (observer) observer(stream);
}

void LiveStreams::release(const LiveStreamPtr& stream) {
  Answer granted;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(stream->stream_id);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (entry.waiting == stream) {
      entry.waiting.reset();
      entry.answer = nullptr;
    } else if (entry.owner == stream) {
      entry.owner = std::exchange(entry.waiting, nullptr);
      granted = std::exchange(entry.answer, nullptr);
    }
    if (!entry.owner) entries_.erase(found);
  }
  if (granted) granted(Claim::kGranted);
}

LiveStreamPtr LiveStreams::find(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(stream_id);
  if (found == entries_.end()) return nullptr;
  const LiveStreamPtr& owner = found->second.owner;
  const bool live =
      owner && owner->live.load(std::memory_order_acquire) && !owner->ended.load(std::memory_order_acquire);
  return live ? owner : nullptr;
}

bool LiveStreams::close(std::string_view stream_id, Which which, media::LogEnd reason) {
  std::vector<LiveStreamPtr> leaving;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(stream_id);
    if (found == entries_.end()) return false;
    for (const LiveStreamPtr& stream : {found->second.owner, found->second.waiting}) {
      const bool meant =
          stream &&
          (which.publication_id == kNoPublication || which.publication_id == stream->publication_id) &&
          (which.up_to_epoch == kNoEpoch || stream->epoch <= which.up_to_epoch);
      if (meant) leaving.push_back(stream);
    }
  }
  for (const LiveStreamPtr& stream : leaving) stream->terminate(reason);
  return !leaving.empty();
}

bool LiveStreams::change_limits(std::string_view stream_id, const StreamLimits& limits) {
  std::vector<LiveStreamPtr> told;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(stream_id);
    if (found == entries_.end()) return false;
    for (const LiveStreamPtr& stream : {found->second.owner, found->second.waiting}) {
      if (stream && stream->change_limits) told.push_back(stream);
    }
  }
  for (const LiveStreamPtr& stream : told) stream->change_limits(limits);
  return !told.empty();
}

std::vector<LiveStreamPtr> LiveStreams::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<LiveStreamPtr> streams;
  for (const auto& [id, entry] : entries_) {
    if (entry.owner) streams.push_back(entry.owner);
  }
  return streams;
}

}  // namespace millrace::ingest
