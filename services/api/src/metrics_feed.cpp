#include "metrics_feed.hpp"

namespace millrace::api {

void MetricsFeed::update(const metrics::v1::MetricsUpdated& event, std::int64_t now_us) {
  std::vector<Numbers> changed;
  changed.reserve(static_cast<std::size_t>(event.streams_size()));
  for (const metrics::v1::StreamMetrics& stream : event.streams())
    changed.push_back(std::make_shared<const metrics::v1::StreamMetrics>(stream));
  {
    const std::lock_guard lock(mutex_);
    fresh_until_us_ = now_us + kStaleUs;
    if (now_us - swept_us_ >= kStaleUs) {
      swept_us_ = now_us;
      std::erase_if(known_, [&](const auto& item) { return item.second.until_us <= now_us; });
    }
    for (const Numbers& numbers : changed) {
      const auto known = known_.find(numbers->stream_id());
      if (!numbers->live()) {
        if (known != known_.end()) known_.erase(known);
      } else if (known != known_.end()) {
        known->second = {numbers, now_us + kStaleUs};
      } else if (known_.size() < kMostStreams) {
        known_.emplace(numbers->stream_id(), Known{numbers, now_us + kStaleUs});
      }
    }
  }
  if (listener_) listener_(changed);
}

MetricsFeed::Numbers MetricsFeed::find(std::string_view stream_id, std::int64_t now_us) const {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(stream_id);
  return known == known_.end() || known->second.until_us <= now_us ? nullptr : known->second.numbers;
}

std::vector<MetricsFeed::Numbers> MetricsFeed::live(std::int64_t now_us) const {
  std::vector<Numbers> streams;
  const std::lock_guard lock(mutex_);
  streams.reserve(known_.size());
  for (const auto& [id, known] : known_) {
    if (known.until_us > now_us) streams.push_back(known.numbers);
  }
  return streams;
}

bool is_public(std::string_view stream_id, bool measured_private, const playback::Revocations& watching) {
  return !measured_private && watching.standing(stream_id) == playback::Standing::kPublic;
}

bool MetricsFeed::is_fresh(std::int64_t now_us) const {
  const std::lock_guard lock(mutex_);
  return now_us < fresh_until_us_;
}

}  // namespace millrace::api
