#include "streams/close_orders.hpp"

#include <utility>

#include "base/log.hpp"

namespace millrace::auth {

void CloseOrders::revoke(const RevokedStream& revoked, Now now) {
  log::info("stream is published under a new rule from now on",
            {{"stream", revoked.stream_id}, {"epoch", number_of(revoked.epoch)}});
  if (revoked.epoch == kNoEpoch) return;  // never published
  put(revoked);
  close({.stream_id = revoked.stream_id, .up_to_epoch = revoked.epoch, .for_good = revoked.for_good},
        now.monotonic_us + kRetryUs);
}

// What was closed for good stays so, whatever else changes of the same publications.
void CloseOrders::put(const RevokedStream& revoked) {
  RevokedStream fence = revoked;
  if (const RevokedStream* const known = fences_.find(revoked.stream_id)) {
    if (known->epoch > fence.epoch) fence = *known;
    if (known->epoch == fence.epoch) fence.for_good = fence.for_good || known->for_good;
  }
  fences_.put(revoked.stream_id, fence);
}

void CloseOrders::remember(const std::vector<RevokedStream>& revoked) {
  for (auto stream = revoked.rbegin(); stream != revoked.rend(); ++stream) put(*stream);
}

const RevokedStream* CloseOrders::fence(const LivePublication& publication) const {
  const RevokedStream* const fence = fences_.find(publication.stream_id);
  return fence != nullptr && publication.epoch <= fence->epoch ? fence : nullptr;
}

void CloseOrders::close(const CloseOrder& order, std::int64_t until_us) {
  send_(order, [post = post_, order, until_us](const Result<bool>& closed) {
    if (closed) {
      if (*closed) log::info("publication cut", {{"stream", order.stream_id}});
      return;
    }
    // Ingest did not say: again with the next tick.
    post([order, until_us](CloseOrders& orders) {
      if (orders.now_().monotonic_us < until_us && orders.retries_.size() < kMaxFences)
        orders.retries_.push_back({order, until_us});
    });
  });
}

void CloseOrders::tick() {
  for (const Retry& retry : std::exchange(retries_, {})) close(retry.order, retry.until_us);
}

}  // namespace millrace::auth
