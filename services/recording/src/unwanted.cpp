#include "unwanted.hpp"

#include "base/log.hpp"

namespace millrace::recording {
namespace {

constexpr const char* kSource = "unwanted";

}  // namespace

void Unwanted::add(std::string stream_id) {
  const std::lock_guard lock(mutex_);
  if (streams_.size() >= kMostStreams)
    return log::warning("a deleted stream's recordings stay: too many are to go");
  changed_ = streams_.insert(std::move(stream_id)).second || changed_;
}

void Unwanted::replace(const std::vector<std::string>& stream_ids) {
  const std::lock_guard lock(mutex_);
  streams_ = StreamIds(stream_ids.begin(), stream_ids.end());
  changed_ = !streams_.empty();
}

bool Unwanted::contains(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  return streams_.contains(stream_id);
}

StreamIds Unwanted::begin_look() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(changed_, false)) return {};
  return streams_;
}

void Unwanted::look(const std::string& directory, const StreamIds& recorded, FinishQueue& finish_queue,
                    Reporter& reporter) {
  const std::lock_guard looking(looking_);
  const StreamIds streams = begin_look();
  if (streams.empty()) return;
  StreamIds in_use;
  for (const std::string& stream_id : streams) {
    if (recorded.contains(stream_id) || !finish_queue.forget(stream_id)) in_use.insert(stream_id);
  }
  const Removal removal = remove_recordings(directory, streams, in_use);
  if (removal.files > 0) log::info("recordings of deleted streams deleted", {{"files", removal.files}});
  if (removal.waits || !in_use.empty()) {
    const std::lock_guard lock(mutex_);
    changed_ = true;
  }
  if (removal.error) return reporter.failing(kSource, {}, {}, *removal.error);
  reporter.recovered(kSource);
}

}  // namespace millrace::recording
