// One client's connection: reads requests, hands them to the handler, sends answers, in order, within its
// deadlines. Everything happens on the worker's thread; what it throws costs this connection, nobody else.
// Internal to this library.
//
//            first byte        complete         answer           sent, keep-alive
//   kReading ───────────► … ───────────► kAnswering ────► kSending ──────────────► kReading
//      │ refused (400, 408, 413, 431) ───────────────────────▲ │ sent, close
//      ▼ end of stream, idle                                   ▼
//   kClosed ◄────────────────── end, 2 s ──────────────── kLingering
//      ▲ the client has gone, failed                           ▲ ended
//      └────────────── kLive (after the header of a live answer) ──┘
//                        │ ended, in chunks, keep-alive
//                        └──────────────────────────────────────────► kReading
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "base/survive.hpp"
#include "http/core.hpp"
#include "http/framed_output.hpp"
#include "http/live.hpp"
#include "http/places.hpp"
#include "http/request_reader.hpp"
#include "http/transfer.hpp"

namespace millrace::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  // peer_address: of the TCP connection, an IPv4 address as such.
  Connection(std::shared_ptr<Server::Core> core, Worker& worker, Socket socket, std::string peer_address,
             Places::Place place);

  void start() {
    guarded([this] { begin(); });
  }
  // No further request; closes at once when none is running.
  void drain() {
    guarded([this] { leave(); });
  }
  void close();
  // The answer to the numbered request; ignored when another has been given.
  void answer(std::uint64_t number, Response response);
  // The answer's deadline counts from then on.
  void allow_until(std::uint64_t number, std::int64_t time_us);

  // The live stream may have something to send.
  void poll() {
    guarded([this] { look(); });
  }

  // Any thread.
  boost::asio::io_context& context() { return worker_.context; }
  // True while this very connection's handler runs on the calling thread: the answer may be taken without a
  // detour.
  bool is_in_handler() const;

 private:
  enum class Phase : std::uint8_t { kReading, kAnswering, kSending, kLive, kLingering, kClosed };
  using Duration = std::chrono::milliseconds;
  using Clock = std::chrono::steady_clock;

  // Everything from outside goes through this: an exception ends the connection.
  template <class Work>
  void guarded(const Work& work) {
    if (!survives("http connection", work)) give_up();
  }
  void give_up();
  void begin();
  void leave();
  void look();
  void drive();
  void drive_later();
  void on_writable(const boost::system::error_code& error);
  // Each does one step; false: an operation is pending, drive() will be called again.
  bool read_step();
  bool send_step();
  void read_more();
  void on_readable(const boost::system::error_code& error);
  std::optional<std::size_t> receive();
  void continue_if_expected();
  void send_continue();
  void dispatch();
  void call_handler(Request request);
  void refuse(const Refusal& refusal);
  bool has_place_for(const Response& response);
  void begin_answer(Response response);
  void finish_answer();
  void begin_live();
  bool live_step();
  void end_live();
  // pump() again by then at the latest.
  void await(std::int64_t due_us);
  void read_live();
  void on_live_readable();
  // False: the client has gone.
  bool receive_live();
  void linger();
  void on_lingering(const boost::system::error_code& error);
  void when(boost::asio::socket_base::wait_type what,
            void (Connection::*then)(const boost::system::error_code& error));
  void set_answer_deadline();
  void watch_for_leaving();
  void on_early_bytes();
  bool may_ask_more() const;
  // The client has closed its half.
  void watch_for_reset();
  void on_reset();

  void set_deadline(Duration duration);
  void arm_timer();
  void on_deadline();
  void abandon();

  std::shared_ptr<Server::Core> core_;
  Worker& worker_;
  Counters& counters_;
  const Limits& limits_;
  Socket socket_;
  const std::string peer_address_;
  Places::Place place_;
  boost::asio::steady_timer timer_;
  Clock::time_point deadline_;
  Clock::time_point timer_at_ = Clock::time_point::max();

  Phase phase_ = Phase::kReading;
  RequestReader reader_;
  std::uint64_t number_ = 0;  // of the request that is being answered
  Request conditions_;        // its method, client and conditional fields: the handler has the rest
  bool keep_alive_ = true;
  bool half_closed_ = false;  // the client sends no more
  bool is_late_ = false;      // it came while the server drains: requests are answered by 503
  std::int64_t answer_allowed_until_us_ = 0;
  std::optional<Response> response_;  // given while the handler was still running
  std::optional<Transfer> transfer_;
  std::uint64_t transfer_mark_ = 0;
  std::size_t lingered_ = 0;
  bool is_http_1_1_ = true;  // the request
  std::shared_ptr<LiveStream> live_;
  std::unique_ptr<ChunkedOutput> chunks_;  // of live_, unless it is a WebSocket or for HTTP/1.0
  bool is_websocket_ = false;              // live_
  bool live_ended_ = false;
  bool live_blocked_ = false;
};

}  // namespace millrace::http
