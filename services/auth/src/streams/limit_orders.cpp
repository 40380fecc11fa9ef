#include "streams/limit_orders.hpp"

#include <utility>

namespace millrace::auth {

void LimitOrders::change(const LimitOrder& order, Now now) {
  limits_.put(order.stream_id, order);
  send(order, now.monotonic_us + kRetryUs);
}

void LimitOrders::published(std::string_view stream_id, Now now) {
  if (const LimitOrder* const order = limits_.find(stream_id)) send(*order, now.monotonic_us + kRetryUs);
}

// When ingest does not say, the limits of then are sent with the next tick.
void LimitOrders::send(const LimitOrder& order, std::int64_t until_us) {
  send_(order, [post = post_, id = order.stream_id, until_us](const Result<bool>& answered) {
    if (answered) return;
    post([id, until_us](LimitOrders& orders) {
      if (orders.now_().monotonic_us < until_us && orders.retries_.size() < kMaxLimits)
        orders.retries_.push_back({id, until_us});
    });
  });
}

void LimitOrders::tick() {
  for (const Retry& retry : std::exchange(retries_, {})) {
    if (const LimitOrder* const order = limits_.find(retry.stream_id)) send(*order, retry.until_us);
  }
}

}  // namespace millrace::auth
