// One live stream pushed to one server, straight from the log's memory: connects, publishes, sends from the
// newest key frame on, and tries again for ever while the stream is live.
//
//   waiting ─> resolving ─> connecting ─> (securing) ─> opening ─> sending ──source ended──> closing ─> gone
//      └──<──────── any failure, with back-off ────────────────────┘
//
// A slow server skips to a key frame; one that takes nothing for kStuckUs is reconnected. Nobody waits
// for it: the socket is non-blocking and the cursor its own. When the stream's connection was cut the forward
// stays open for the grace and goes on with the next publication.
//
// Owner: the ForwardSet of a shard; its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forward/forward_feed.hpp"
#include "forward/forward_spec.hpp"
#include "net/poller.hpp"
#include "net/resolver.hpp"
#include "net/timer.hpp"
#include "rtmp/client_session.hpp"
#include "server/outbox.hpp"
#include "server/transport.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

class ForwardSet;
class Shard;

class Forward final : public net::PollClient {
 public:
  static constexpr std::int64_t kResolveUs = 5'000'000;
  static constexpr std::int64_t kConnectUs = 5'000'000;  // per address
  static constexpr std::int64_t kOpenUs = 10'000'000;    // TLS to publish, accepted
  static constexpr std::int64_t kStuckUs = 10'000'000;
  // After sending for so long the next failure counts as the first.
  static constexpr std::int64_t kSettledUs = 10'000'000;
  static constexpr std::int64_t kFinishUs = 2'000'000;  // for the last frames and words
  static constexpr std::int64_t kFirstDelayUs = 1'000'000;
  static constexpr std::int64_t kMaxDelayUs = 60'000'000;
  static constexpr std::uint64_t kMaxServerBytes = 256U << 10;  // received in kServerWindowUs
  static constexpr std::int64_t kServerWindowUs = 15'000'000;
  static constexpr unsigned kMaxRedirects = 3;
  static constexpr unsigned kMaxChallenges = 3;   // "need auth", the challenge, a nonce that was too old
  static constexpr int kUnsentBytes = 256 << 10;  // that the kernel holds for us

  // Names of threads' work: looked up again when an answer comes, so that a forward may go at any time.
  Forward(ForwardSet& set, Shard& shard, std::uint64_t number, ForwardSpecPtr spec, ForwardStatusPtr status);
  ~Forward();
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  const ForwardSpec& spec() const { return *spec_; }
  const LiveStreamPtr& stream() const { return stream_; }
  const std::string& stream_id() const { return status_->stream_id; }
  bool gone() const { return state_ == ForwardState::kGone; }
  // Its stream is live, or may come back.
  bool lives() const { return state_ != ForwardState::kGone && state_ != ForwardState::kClosing; }

  // The stream's publication, or the one after it.
  void attach(const LiveStreamPtr& stream);
  // The publication's log has ended; what is left of it is still sent.
  void source_ended();
  // No longer wanted, or the server stops.
  void stop();
  void close_now();

  void wake();  // new records
  void tick(std::int64_t now_us);
  void on_ready(bool readable, bool writable) override;
  void on_exception() override;
  void resolved(std::uint64_t attempt, Result<std::vector<net::SocketAddress>> addresses);

 private:
  void enter(ForwardState state);
  void fail_attempt(ForwardReason reason, std::string_view why, bool at_once = false);
  void disconnect();
  void open_log();

  // connecting
  void begin_attempt();
  void connect_to(const std::vector<net::SocketAddress>& addresses);
  void connect_next();
  void connected();
  void secure();
  void open_session();
  void forget_detours();
  void restart_with(rtmp::Url url, std::string authentication, ForwardReason reason);

  // the session
  void read();
  bool take(ByteView bytes);
  void perform(const rtmp::SendBytes& action);
  void perform(const rtmp::Ready& action);
  void perform(const rtmp::Refused& action);
  void perform(const rtmp::Redirected& action);
  void perform(const rtmp::Challenged& action);
  void perform(const rtmp::ReconnectRequested& action);
  void perform(const rtmp::StatusReceived& action);
  void perform(const rtmp::Ended& action);
  void perform(const rtmp::Close& action);
  template <class Other>
  void perform(const Other&) {}  // nothing is played

  // sending
  void pump();
  bool pump_once();
  bool flush_outbox();
  bool send_run();
  void skip(bool forced);
  void check_slow();
  void finish();
  void watch(bool writable);
  void set_blocked(bool blocked);
  int fd() const { return connecting_ ? connecting_.get() : transport_.fd(); }

  ForwardSet& set_;
  Shard& shard_;
  std::uint64_t number_;
  ForwardSpecPtr spec_;
  ForwardStatusPtr status_;
  LiveStreamPtr stream_;
  bool source_ended_ = false;
  std::int64_t source_ended_us_ = 0;

  ForwardState state_ = ForwardState::kWaiting;
  std::int64_t now_us_;
  std::int64_t state_since_us_;
  net::Timer retry_timer_;
  std::int64_t delay_us_ = 0;  // before the next attempt

  // Of the running attempt:
  std::uint64_t attempt_ = 0;
  rtmp::Url url_;  // the spec's, or where it redirects to
  std::string authentication_;
  unsigned redirects_ = 0;
  unsigned challenges_ = 0;
  std::vector<net::SocketAddress> addresses_;
  std::size_t next_address_ = 0;
  Transport transport_;
  net::UniqueFd connecting_;  // the socket until TLS is done; the transport's afterwards
  std::unique_ptr<net::TlsStream> securing_;
  bool polled_ = false;
  bool watching_writable_ = false;
  std::optional<rtmp::ClientSession> session_;
  std::vector<rtmp::ClientAction> actions_;
  Outbox outbox_{transport_};
  std::unique_ptr<ForwardFeed> feed_;
  bool blocked_ = false;
  bool skip_wanted_ = false;
  bool shut_ = false;
  std::int64_t progress_us_ = 0;
  std::uint64_t window_bytes_ = 0;  // from the server
  std::int64_t window_since_us_ = 0;
};

}  // namespace millrace::ingest
