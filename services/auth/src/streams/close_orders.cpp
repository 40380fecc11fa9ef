#include "streams/close_orders.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace millrace::auth {

void CloseOrders::revoke(const std::string& stream_id, Epoch epoch, Now now) {
  log::info("stream is published under a new rule from now on",
            {{"stream", stream_id}, {"epoch", number_of(epoch)}});
  if (epoch == kNoEpoch) return;  // never published
  fences_.put(stream_id, epoch);
  close({.stream_id = stream_id, .up_to_epoch = epoch}, now.monotonic_us + kRetryUs);
}

void CloseOrders::remember(const std::vector<RevokedStream>& revoked) {
  for (auto stream = revoked.rbegin(); stream != revoked.rend(); ++stream) {
    const Epoch* const known = fences_.find(stream->stream_id);
    fences_.put(stream->stream_id, known == nullptr ? stream->epoch : std::max(*known, stream->epoch));
  }
}

bool CloseOrders::is_revoked(const LivePublication& publication) const {
  const Epoch* const fence = fences_.find(publication.stream_id);
  return fence != nullptr && publication.epoch <= *fence;
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
