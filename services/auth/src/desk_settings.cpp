// What an owner changes of a stream while it may be live: its settings, and whether it is held off for a
// while. Stored or remembered first, then sent to ingest.
#include <algorithm>

#include "desk.hpp"
#include "visit_text.hpp"

namespace millrace::auth {

void Desk::update_settings(const InquiryPtr& inquiry, Now now) {
  const auth::v1::UpdateSettings& ask = inquiry->request().update_settings();
  SettingsChange change;
  if (ask.has_quality()) change.quality = ask.quality();
  if (ask.has_max_bitrate_kbps()) change.max_bitrate_kbps = ask.max_bitrate_kbps();
  if (ask.has_resolution()) change.resolution = ask.resolution();
  bus::v1::Reply reply;
  const Result<StreamRecord> record = decisions_.update_settings(ask.stream_id(), change);
  if (!record) {
    set_error(record.error(), reply);
    return inquiry->answer(std::move(reply));
  }
  fill(*record, *reply.mutable_stream());
  const LimitOrder order{.stream_id = record->stream_id,
                         .max_bitrate_kbps = record->settings.max_bitrate_kbps,
                         .resolution = record->settings.resolution};
  if (limits_.size() >= kMaxLimits && !limits_.contains(order.stream_id)) {
    limits_.erase(limits_in_order_.front());
    limits_in_order_.pop_front();
  }
  if (limits_.insert_or_assign(order.stream_id, order).second) limits_in_order_.push_back(order.stream_id);
  limit(order, now.monotonic_us + kCloseRetryUs);
  inquiry->answer(std::move(reply));
}

// When ingest does not say, the limits of then are sent with the next tick.
void Desk::limit(const LimitOrder& order, std::int64_t until_us) {
  outside_.limit(order, [post = outside_.post, id = order.stream_id, until_us](const Result<bool>& told) {
    if (told) return;
    post([id, until_us](Desk& desk) {
      if (desk.outside_.now().monotonic_us < until_us && desk.limit_retries_.size() < kMaxLimits)
        desk.limit_retries_.push_back({id, until_us});
    });
  });
}

void Desk::tell_limits() {
  std::vector<LimitRetry> retries;
  retries.swap(limit_retries_);
  for (const LimitRetry& retry : retries) {
    const auto found = limits_.find(retry.stream_id);
    if (found != limits_.end()) limit(found->second, retry.until_us);
  }
}

void Desk::hold(const InquiryPtr& inquiry, Now now) {
  const auth::v1::HoldStream& ask = inquiry->request().hold_stream();
  bus::v1::Reply reply;
  const Result<StreamRecord> record = decisions_.get_stream(ask.stream_id());
  // By its id only: a key's holder publishes with it and does not come here.
  if (!record || record->stream_id != ask.stream_id()) {
    set_error(record ? Error{"auth.unknown_stream", "no such stream"} : record.error(), reply);
    return inquiry->answer(std::move(reply));
  }
  const std::int64_t hold_us = std::clamp<std::int64_t>(ask.hold_us(), 0, kMaxHoldUs);
  decisions_.hold(record->stream_id, hold_us == 0 ? 0 : now.monotonic_us + hold_us);
  if (ask.cut()) revoke(record->stream_id, record->epoch, now);
  fill(*record, *reply.mutable_stream());
  inquiry->answer(std::move(reply));
}

}  // namespace millrace::auth
