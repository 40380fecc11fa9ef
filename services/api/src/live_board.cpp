#include "live_board.hpp"

#include <cmath>

#include "handlers/documents.hpp"
#include "socket_io.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kEvent = "metricsUpdate";

// Everything but the streamKey, which is not the same for everybody: "…}".
std::string rest_of_document(const metrics::v1::StreamMetrics& stream) {
  Json document = measured_document(stream);
  document["lastUpdated"] = stream.updated_wall_us() / 1000;
  const bool live = stream.live();
  document["streamId"] = stream.stream_id();
  document["isLive"] = live;
  document["fps"] = live ? std::round(stream.fps() * 100) / 100 : 0.0;
  document["resolution"] = std::to_string(stream.width()) + "x" + std::to_string(stream.height());
  document["viewers"] = live ? stream.viewers() : 0;
  document["peakViewers"] = stream.peak_viewers();
  document["totalViewers"] = stream.total_viewers();
  document["droppedFrames"] = stream.dropped_frames();
  document["keyframeInterval"] = std::round(stream.key_interval_seconds() * 100) / 100;
  document["health"] = {{"score", std::round(stream.health_score())}, {"reasons", Json::array()}};
  for (const std::string& reason : stream.health_reasons()) document["health"]["reasons"].push_back(reason);
  return text_of(document).substr(1);
}

std::string document_with(std::string_view key, const std::string& rest) {
  return R"({"streamKey":")" + std::string(key) + "\"," + rest;
}

LiveText share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

std::string live_event(LiveProtocol protocol, std::string_view name, std::string_view data) {
  if (protocol == LiveProtocol::kSocketIo) return socket_io_event(name, data);
  return R"({"event":")" + std::string(name) + R"(","data":)" + std::string(data) + "}";
}

void LiveBoard::update(const std::vector<MetricsFeed::Numbers>& streams, std::int64_t now_us,
                       const NameOf& name_of) {
  const std::lock_guard lock(mutex_);
  if (now_us - swept_us_ >= MetricsFeed::kStaleUs) {
    swept_us_ = now_us;
    std::erase_if(slots_, [&](const auto& item) {
      if (item.second->until_us > now_us) return false;
      sequences_.erase(item.second->stream_id);
      return true;
    });
  }
  for (const MetricsFeed::Numbers& stream : streams) put(*stream, now_us, name_of);
}

void LiveBoard::put(const metrics::v1::StreamMetrics& stream, std::int64_t now_us, const NameOf& name_of) {
  std::unique_ptr<Slot> slot;
  if (const auto known = sequences_.find(stream.stream_id()); known != sequences_.end()) {
    slot = std::move(slots_.at(known->second));
    slots_.erase(known->second);
  } else {
    if (!stream.live() || slots_.size() >= kMostStreams) return;
    slot = std::make_unique<Slot>();
    slot->stream_id = stream.stream_id();
  }
  slot->live = stream.live();
  if (slot->live) slot->name = name_of(slot->stream_id);
  slot->is_private = stream.is_private();
  slot->until_us = now_us + MetricsFeed::kStaleUs;
  slot->rest = rest_of_document(stream);
  const std::string document = document_with(slot->name, slot->rest);
  slot->plain = share(live_event(LiveProtocol::kPlain, kEvent, document));
  slot->socket_io = share(live_event(LiveProtocol::kSocketIo, kEvent, document));
  slot->sequence = ++sequence_;
  sequences_[slot->stream_id] = slot->sequence;
  slots_.emplace_hint(slots_.end(), sequence_, std::move(slot));
}

void LiveBoard::join(LiveView& view) const {
  const std::lock_guard lock(mutex_);
  view.mark = 0;
  view.began_at = sequence_;
}

bool LiveBoard::may_see(const Slot& slot, const LiveView& view) const {
  if (!slot.live && slot.sequence <= view.began_at) return false;
  const auto subscription = view.subscriptions.find(slot.stream_id);
  const bool subscribed = subscription != view.subscriptions.end();
  if (!view.everything && !subscribed) return false;
  if (view.admin || view.own.contains(slot.stream_id) || (subscribed && subscription->second)) return true;
  return is_public(slot.stream_id, slot.is_private, watching_);
}

const LiveBoard::Slot* LiveBoard::find_next(const LiveView& view) const {
  if (view.everything) {
    for (auto it = slots_.upper_bound(view.mark); it != slots_.end(); ++it) {
      if (may_see(*it->second, view)) return it->second.get();
    }
    return nullptr;
  }
  const Slot* oldest = nullptr;
  for (const auto& [stream_id, by_key] : view.subscriptions) {
    const auto known = sequences_.find(stream_id);
    if (known == sequences_.end() || known->second <= view.mark) continue;
    const Slot* slot = slots_.at(known->second).get();
    if (may_see(*slot, view) && (oldest == nullptr || slot->sequence < oldest->sequence)) oldest = slot;
  }
  return oldest;
}

LiveText LiveBoard::text_for(const Slot& slot, const LiveView& view) {
  const auto own = view.own.find(slot.stream_id);
  if (own != view.own.end())
    return share(live_event(view.protocol, kEvent, document_with(own->second, slot.rest)));
  return view.protocol == LiveProtocol::kPlain ? slot.plain : slot.socket_io;
}

LiveText LiveBoard::next(LiveView& view) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find_next(view);
  if (slot == nullptr) {
    view.mark = sequence_;
    return nullptr;
  }
  view.mark = slot->sequence;
  return text_for(*slot, view);
}

bool LiveBoard::is_live(std::string_view stream_id) const {
  const std::lock_guard lock(mutex_);
  return sequences_.contains(std::string(stream_id));
}

}  // namespace millrace::api
