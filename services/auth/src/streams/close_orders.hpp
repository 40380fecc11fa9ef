// Publications that ingest is to end: sent at once and, while ingest does not answer, again with each tick
// for a while. A revoked stream is also remembered (a fence, stored with what revoked it), as a publication
// that was admitted under the old rule may still be on its way to its first frame. Sans-IO; one owner, one
// thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bounded_map.hpp"
#include "base/result.hpp"
#include "now.hpp"
#include "poster.hpp"
#include "streams/live_view.hpp"
#include "streams/stream_store.hpp"

namespace millrace::auth {

// Which publications ingest is to end; as in bus.v1.CloseStream.
struct CloseOrder {
  std::string stream_id;
  PublicationId publication_id{};
  Epoch up_to_epoch{};
  std::string instance{};  // of ingest, that has it; empty: the one that has the stream
  bool for_good = true;    // false: whoever published may come back under the new rule
};

class CloseOrders {
 public:
  static constexpr std::int64_t kRetryUs = 60'000'000;
  // Of fences and of orders to be sent again: the oldest fence is forgotten, further orders are not retried.
  static constexpr std::size_t kMaxFences = 10'000;

  // false: none was live. An error when ingest did not say.
  using Done = std::function<void(Result<bool>)>;
  // done: any thread.
  using Send = std::function<void(const CloseOrder&, Done done)>;

  CloseOrders(Send send, Poster<CloseOrders> post, NowSource now)
      : send_(std::move(send)), post_(std::move(post)), now_(std::move(now)) {}

  // Until ingest has answered, at most until then.
  void close(const CloseOrder& order, std::int64_t until_us);
  // Once; done hears of it, on any thread.
  void close_once(const CloseOrder& order, Done done) { send_(order, std::move(done)); }
  // What is published of a stream by the old rule, up to this epoch, is cut: now, and whenever fence() says
  // so of what turns up.
  void revoke(const RevokedStream& revoked, Now now);
  // What the database has revoked, the last change first: ingest may not have heard of it. What is remembered
  // beyond that, as a hold's cut is, stays.
  void remember(const std::vector<RevokedStream>& revoked);
  // By what this publication is revoked; nullptr: it is not. Good until the next change.
  const RevokedStream* fence(const LivePublication& publication) const;
  void tick();

 private:
  void put(const RevokedStream& revoked);

  struct Retry {
    CloseOrder order;
    std::int64_t until_us;
  };

  Send send_;
  Poster<CloseOrders> post_;
  NowSource now_;
  BoundedMap<std::string, RevokedStream> fences_{kMaxFences};
  std::vector<Retry> retries_;
};

}  // namespace millrace::auth
