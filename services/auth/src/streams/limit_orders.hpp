// Limits of streams that changed since the start: sent to ingest at once, again with each tick while ingest
// does not answer, and for each publication that turns up, which may have been admitted under older ones.
// Sans-IO; one owner, one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_map.hpp"
#include "base/result.hpp"
#include "now.hpp"
#include "poster.hpp"

namespace millrace::auth {

// A stream's own limits, for ingest to hold its live publication to; as in stream.v1.ChangeLimits.
struct LimitOrder {
  std::string stream_id;
  std::uint32_t max_bitrate_kbps = 0;
  std::string resolution;
};

class LimitOrders {
 public:
  static constexpr std::int64_t kRetryUs = 60'000'000;
  static constexpr std::size_t kMaxLimits = 10'000;  // streams remembered; the oldest is forgotten

  // done: any thread; false: none was live. An error when ingest did not say.
  using Send = std::function<void(const LimitOrder&, std::function<void(Result<bool>)> done)>;

  LimitOrders(Send send, Poster<LimitOrders> post, NowSource now)
      : send_(std::move(send)), post_(std::move(post)), now_(std::move(now)) {}

  void change(const LimitOrder& order, Now now);
  void published(std::string_view stream_id, Now now);
  void tick();

 private:
  struct Retry {
    std::string stream_id;
    std::int64_t until_us;
  };
  void send(const LimitOrder& order, std::int64_t until_us);

  Send send_;
  Poster<LimitOrders> post_;
  NowSource now_;
  BoundedMap<std::string, LimitOrder> limits_{kMaxLimits};
  std::vector<Retry> retries_;
};

}  // namespace millrace::auth
