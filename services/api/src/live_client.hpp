// One client of the live feed, whatever carries it: who it is, what it subscribed to, and what is to be sent
// to it. Answers wait in a small queue; numbers are taken from the board when the client has taken what came
// before.
//
// Thread-safe: events come from I/O threads, answers of auth from the bus thread, ticks from the hub's.
// Owner: its WebSocket or its Engine.IO session. The wake function is called without a lock held.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/wall_time.hpp"
#include "bus/v1/bus.pb.h"
#include "http/websocket.hpp"
#include "live_board.hpp"
#include "token_cache.hpp"

namespace millrace::api {

// What all clients have in common.
struct LiveShared {
  explicit LiveShared(const playback::Revocations& watching) : board(watching) {}

  LiveBoard board;
  // Asks auth and comes back on any thread, also before it returns.
  std::function<void(bus::v1::Request, std::function<void(Result<bus::v1::Reply>)>)> ask_auth;
  std::function<WallTime()> wall_now;
  std::function<std::int64_t()> monotonic_us;
};

// Stable code and text for people; empty code: it worked.
struct LiveOutcome {
  std::string code;
  std::string message;
  explicit operator bool() const { return code.empty(); }
  // Another service did not answer.
  static LiveOutcome unavailable() {
    return {"unavailable", "The server cannot answer now. Try again shortly."};
  }
};

class LiveClient final : public http::WebSocketSource, public std::enable_shared_from_this<LiveClient> {
 public:
  static constexpr std::size_t kMostAnswers = 64;             // waiting to be sent; beyond: 1008
  static constexpr std::size_t kMostEvents = 240;             // of the client in a minute; beyond: 1008
  static constexpr std::size_t kMostQuestions = 4;            // to auth at once; beyond: "busy"
  static constexpr std::int64_t kVerifyEveryUs = 30'000'000;  // so long a revoked token may be good
  static constexpr std::int64_t kLiveKeysEveryUs = 5'000'000;
  static constexpr std::int64_t kKeysEveryUs = 10'000'000;

  LiveClient(std::shared_ptr<const LiveShared> shared, LiveProtocol protocol);

  // Called whenever next() may have something.
  void on_wake(std::function<void()> wake);
  // From now on it gets numbers.
  void join();
  // done may be called on any thread.
  void authenticate(Secret token, std::function<void(LiveOutcome)> done);
  // What the client says. ack: Socket.IO's, when it wants an answer of its own.
  void handle(std::string_view event, const nlohmann::json& data, std::optional<std::uint64_t> ack);
  // An answer or a packet of the protocol below, as it is sent.
  void push(std::string text);
  // What is queued is sent before.
  void end(http::WebSocketClose code);
  void tick();
  void wake();

  LiveText next(std::optional<http::WebSocketClose>& close) override;

 private:
  using Json = nlohmann::json;
  void subscribe(const Json& data, std::optional<std::uint64_t> ack);
  void unsubscribe(const Json& data, std::optional<std::uint64_t> ack);
  void finish_subscription(const std::string& name, const Result<bus::v1::Reply>& reply,
                           std::optional<std::uint64_t> ack);
  void authenticate_event(const Json& data, std::optional<std::uint64_t> ack);
  void finish_authentication(const Secret& token, const Result<bus::v1::Reply>& reply,
                             const std::function<void(LiveOutcome)>& done);
  LiveOutcome accept_token(const Secret& token, const auth::v1::VerifyTokenReply& verified);
  void verify_again();
  void fetch_own(std::function<void(LiveOutcome)> done);
  void answer(std::optional<std::uint64_t> ack, std::string_view event, Json data);
  void refuse(std::optional<std::uint64_t> ack, const LiveOutcome& why);
  bool is_too_busy();
  bool begin_question();
  void end_question();
  // False: there are too many. With the lock held.
  bool add_subscription(const std::string& stream_id, bool by_key);

  const std::shared_ptr<const LiveShared> shared_;
  const LiveProtocol protocol_;

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const std::function<void()>> wake_;
  LiveView view_;
  bool joined_ = false;
  std::deque<std::string> answers_;
  std::optional<http::WebSocketClose> ending_;
  Identity identity_;
  Secret token_;
  WallTime expires_wall_;
  std::int64_t verified_us_ = 0;
  std::int64_t fetched_us_ = 0;
  std::int64_t minute_began_us_ = 0;
  std::size_t events_ = 0;
  std::size_t questions_ = 0;
};

}  // namespace millrace::api
