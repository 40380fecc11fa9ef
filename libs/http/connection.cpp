#include "http/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/content_coding.hpp"
#include "http/responder.hpp"
#include "http/response_header.hpp"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
using SocketError = boost::system::error_code;

constexpr unsigned kStepsPerTurn = 64;
constexpr std::uint64_t kPieceBytes = 256UL * 1024;  // what write_deadline is for
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::chrono::milliseconds kLateRequest{1'100};  // for one that comes while the server drains
constexpr std::size_t kLingerBytes = 1024UL * 1024;

thread_local const Connection* handling = nullptr;

// The next one to serve, here or elsewhere, is there soon. Of use to a page of another origin too.
Response draining() {
  Response response = Response::problem(503, "draining", "The service is about to stop.");
  response.headers.set("Retry-After", "1");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.close = true;
  return response;
}

}  // namespace

Connection::Connection(std::shared_ptr<Server::Core> core, Worker& worker, Socket socket,
                       std::string peer_address, Places::Place place)
    : core_(std::move(core)),
      worker_(worker),
      counters_(core_->counters()),
      limits_(core_->config().limits),
      socket_(std::move(socket)),
      peer_address_(std::move(peer_address)),
      place_(std::move(place)),
      timer_(worker.context),
      reader_(limits_) {}

bool Connection::is_in_handler() const {
  return handling == this;
}

// Half of what was to be done may be done: this client cannot go on, all others can.
void Connection::give_up() {
  add(counters_.aborted);
  (void)survives("http connection", [this] { abandon(); });
}

void Connection::begin() {
  if (core_->ending()) return close();
  is_late_ = core_->draining();
  set_deadline(is_late_ ? kLateRequest : limits_.idle_deadline);
  drive();
}

void Connection::leave() {
  if (phase_ == Phase::kReading && !reader_.is_reading()) close();
  if (phase_ == Phase::kLingering) close();
  if (phase_ != Phase::kLive) return;
  const std::shared_ptr<LiveStream> live = live_;
  live->drain();
  const bool more = live_step();
  if (phase_ == Phase::kLingering) return close();
  if (phase_ != Phase::kLive) return;
  if (!live_ended_ && live->ends_soon()) return more ? drive() : void();
  // What has no length and was cut off must not look whole.
  live_ended_ ? close() : abandon();
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswering) counters_.pending.fetch_sub(1, std::memory_order_relaxed);
  phase_ = Phase::kClosed;
  const Places::Place place = std::move(place_);  // given back at the end
  SocketError ignored;
  socket_.close(ignored);
  timer_.cancel();
  transfer_.reset();
  response_.reset();
  live_.reset();
  chunks_.reset();
  core_->closed(worker_, shared_from_this());
}

// Gives the connection up so that what the kernel still holds is not delivered.
void Connection::abandon() {
  SocketError ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void Connection::drive() {
  for (unsigned step = 0; step < kStepsPerTurn; ++step) {
    bool go_on = false;
    if (phase_ == Phase::kReading)
      go_on = read_step();
    else if (phase_ == Phase::kSending)
      go_on = send_step();
    else if (phase_ == Phase::kLive)
      go_on = !live_blocked_ && live_step();
    if (!go_on) return;
  }
  drive_later();
}

void Connection::drive_later() {
  asio::post(worker_.context, [self = shared_from_this()] { self->guarded([&] { self->drive(); }); });
}

void Connection::when(asio::socket_base::wait_type what, void (Connection::*then)(const SocketError& error)) {
  socket_.async_wait(what, [self = shared_from_this(), then](const SocketError& error) {
    self->guarded([&] { (self.get()->*then)(error); });
  });
}

void Connection::on_writable(const SocketError& error) {
  live_blocked_ = false;
  if (!error) drive();
}

// Waits without a buffer: of thousands of connections that are kept alive most are idle.
void Connection::read_more() {
  if (!reader_.is_reading() && reader_.held().empty()) reader_.release();
  when(asio::socket_base::wait_read, &Connection::on_readable);
}

void Connection::on_readable(const SocketError& error) {
  if (phase_ != Phase::kReading) return;
  const std::optional<std::size_t> count = error ? std::nullopt : receive();
  if (!count) {
    if (reader_.is_reading()) add(counters_.aborted);
    return close();
  }
  drive();
}

// What has come, at most kReadBytes; 0: nothing. nullopt: the client has ended (half_closed_) or broken the
// connection.
std::optional<std::size_t> Connection::receive() {
  const asio::mutable_buffer room = reader_.room();
  const ssize_t count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return 0;
  half_closed_ = count == 0;
  if (count <= 0) return std::nullopt;
  reader_.commit(static_cast<std::size_t>(count));
  return static_cast<std::size_t>(count);
}

bool Connection::read_step() {
  switch (reader_.step()) {
    case RequestReader::Step::kNeedsMore:
      read_more();
      return false;
    case RequestReader::Step::kBegun:
      set_deadline(limits_.header_deadline);
      return true;
    case RequestReader::Step::kHeader:
      set_deadline(limits_.body_deadline);
      continue_if_expected();
      return true;
    case RequestReader::Step::kComplete:
      dispatch();
      return true;
    case RequestReader::Step::kRefused:
      refuse(reader_.refusal());
      return true;
  }
  return false;
}

void Connection::continue_if_expected() {
  if (!reader_.expects_continue() || !reader_.held().empty()) return;
  send_continue();
}

// A socket that cannot take 25 bytes now belongs to a client that does not read: it may wait for its own
// timeout.
void Connection::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  (void)::send(socket_.native_handle(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Connection::refuse(const Refusal& refusal) {
  add(counters_.bad_requests);
  conditions_ = Request{};
  keep_alive_ = false;
  ++number_;
  reader_.forget();
  begin_answer(Response::problem(refusal.status, refusal.code, {}));
}

void Connection::dispatch() {
  is_http_1_1_ = reader_.is_http_1_1();
  Request request = reader_.take();
  const bool wants_more = reader_.keep_alive();
  reader_.forget();
  keep_alive_ = wants_more && may_ask_more();
  request.peer_address = core_->config().proxies.client_of(peer_address_, request.headers);
  conditions_ = Request{};
  conditions_.method = request.method;
  conditions_.peer_address = request.peer_address;
  for (const std::string_view name :
       {"Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding"}) {
    if (request.headers.contains(name)) conditions_.headers.add(name, request.headers.find(name));
  }
  ++number_;
  answer_allowed_until_us_ = 0;
  phase_ = Phase::kAnswering;
  add(counters_.requests);
  add(counters_.pending);
  is_late_ ? void(response_ = draining()) : call_handler(std::move(request));
  if (phase_ != Phase::kAnswering) return;
  if (response_) {
    begin_answer(std::move(*response_));
    response_.reset();
    return;
  }
  set_answer_deadline();
  // It may take long, and there may be thousands of these.
  if (reader_.held().empty()) reader_.release();
  watch_for_leaving();
}

void Connection::set_answer_deadline() {
  const std::int64_t rest_us = std::max<std::int64_t>(answer_allowed_until_us_ - monotonic_us(), 0);
  set_deadline(limits_.answer_deadline +
               std::chrono::duration_cast<Duration>(std::chrono::microseconds(rest_us)));
}

void Connection::allow_until(std::uint64_t number, std::int64_t time_us) {
  if (phase_ != Phase::kAnswering || number != number_) return;
  answer_allowed_until_us_ = time_us;
  if (!is_in_handler()) guarded([&] { set_answer_deadline(); });
}

// A client that has sent much behind the request is found to have left when its answer is sent.
void Connection::watch_for_leaving() {
  if (reader_.held().size() >= RequestReader::kReadBytes) return;
  socket_.async_wait(asio::socket_base::wait_read,
                     [self = shared_from_this(), number = number_](const SocketError& error) {
                       if (error || self->phase_ != Phase::kAnswering || self->number_ != number) return;
                       self->guarded([&] { self->on_early_bytes(); });
                     });
}

// Who has asked and closes its half may still read (RFC 9112 section 9.6), and gets its answer. Who closed
// both halves looks the same until it is sent something: an interim response, which every client of HTTP/1.1
// takes at any time (RFC 9110 section 15.2), and which brings the reset of one that has gone.
void Connection::on_early_bytes() {
  if (receive()) return watch_for_leaving();
  if (!half_closed_) {
    add(counters_.aborted);
    return close();
  }
  watch_for_reset();
  if (is_http_1_1_) send_continue();
}

// Also one that sends no more may have sent further requests before (RFC 9112 section 9.3.2).
bool Connection::may_ask_more() const {
  return !half_closed_ || !reader_.held().empty();
}

void Connection::watch_for_reset() {
  keep_alive_ = keep_alive_ && may_ask_more();
  socket_.async_wait(asio::socket_base::wait_error,
                     [self = shared_from_this(), number = number_](const SocketError& error) {
                       const bool answers = self->phase_ == Phase::kAnswering || self->phase_ == Phase::kLive;
                       if (error || !answers || self->number_ != number) return;
                       self->guarded([&] { self->on_reset(); });
                     });
}

void Connection::on_reset() {
  add(counters_.aborted);
  close();
}

void Connection::answer(std::uint64_t number, Response response) {
  if (phase_ != Phase::kAnswering || number != number_) return;
  if (is_in_handler()) {
    response_ = std::move(response);
    return;
  }
  guarded([&] {
    begin_answer(std::move(response));
    drive();
  });
}

// A connection of a proxy that is to carry a stream counts for its client from now on.
bool Connection::has_place_for(const Response& response) {
  if (!response.live || conditions_.method != Method::kGet || place_.becomes_of(conditions_.peer_address))
    return true;
  add(counters_.refused_connections);
  return false;
}

void Connection::begin_answer(Response response) {
  if (phase_ == Phase::kAnswering) counters_.pending.fetch_sub(1, std::memory_order_relaxed);
  phase_ = Phase::kSending;
  if (!has_place_for(response))
    response = Response::problem(503, "too_many_connections", "Your address has too many connections.");
  if (response.live) conditions_.headers = {};  // neither ranges nor conditions of what has no end
  choose_coding(response, conditions_.headers.contains("Accept-Encoding")
                              ? std::optional(conditions_.headers.find("Accept-Encoding"))
                              : std::nullopt);
  const std::uint64_t size = body_size(response.body);
  const Selection selection = select(conditions_, response, size);
  if (conditions_.method == Method::kGet) live_ = response.live;
  is_websocket_ = live_ && response.status == 101;
  if (live_ && is_http_1_1_ && !is_websocket_) chunks_ = std::make_unique<ChunkedOutput>();
  // Its end is the connection's: one that was cut off would be kept for whole.
  if (live_ && !is_http_1_1_) response.headers.set("Cache-Control", "no-store");
  keep_alive_ = keep_alive_ && !response.close && (!live_ || chunks_) && !core_->draining();
  counters_.count_response(selection.status);
  std::string header =
      response_header(response, selection, {worker_.http_date(), size, keep_alive_, chunks_ != nullptr});
  const bool without_body = conditions_.method == Method::kHead || is_bodiless(selection.status);
  transfer_.emplace(std::move(header), std::move(response.body), selection.offset,
                    without_body ? 0 : selection.length);
  transfer_mark_ = 0;
  set_deadline(limits_.write_deadline);
}

bool Connection::send_step() {
  const std::uint64_t before = transfer_->sent();
  const Transfer::Progress progress = transfer_->pump(socket_.native_handle());
  add(counters_.sent_bytes, transfer_->sent() - before);
  if (transfer_->sent() - transfer_mark_ >= kPieceBytes) {
    transfer_mark_ = transfer_->sent();
    set_deadline(limits_.write_deadline);
  }
  switch (progress) {
    case Transfer::Progress::kDone:
      finish_answer();
      return true;
    case Transfer::Progress::kBlocked:
      when(asio::socket_base::wait_write, &Connection::on_writable);
      return false;
    case Transfer::Progress::kYield:
      drive_later();
      return false;
    case Transfer::Progress::kFailed:
      add(counters_.aborted);
      abandon();
      return false;
    case Transfer::Progress::kTorn:
      add(counters_.torn);
      abandon();
      return false;
  }
  return false;
}

void Connection::finish_answer() {
  transfer_.reset();
  if (live_) return begin_live();
  if (!keep_alive_ || core_->draining()) return linger();
  phase_ = Phase::kReading;
  set_deadline(limits_.idle_deadline);
}

// Closing with unread bytes would make the kernel send a reset that can overtake the answer (RFC 9112
// section 9.6).
void Connection::linger() {
  if (phase_ != Phase::kLingering) {
    phase_ = Phase::kLingering;
    set_deadline(kLinger);
    SocketError ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  when(asio::socket_base::wait_read, &Connection::on_lingering);
}

void Connection::on_lingering(const SocketError& error) {
  if (phase_ != Phase::kLingering) return;
  std::array<char, 4096> discarded;
  ssize_t count = 0;
  while (!error && lingered_ < kLingerBytes) {
    count = ::recv(socket_.native_handle(), discarded.data(), discarded.size(), MSG_DONTWAIT);
    if (count <= 0) break;
    lingered_ += static_cast<std::size_t>(count);
  }
  const bool more = !error && count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (more) return linger();
  close();
}

void Connection::set_deadline(Duration duration) {
  deadline_ = Clock::now() + duration;
  if (deadline_ < timer_at_) arm_timer();
}

// The timer runs to the earliest deadline seen and looks then: most deadlines are moved before they matter,
// and moving a point in time costs nothing.
void Connection::arm_timer() {
  timer_at_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const SocketError& error) {
    if (error || self->phase_ == Phase::kClosed) return;
    self->timer_at_ = Clock::time_point::max();
    self->guarded([&] { Clock::now() >= self->deadline_ ? self->on_deadline() : self->arm_timer(); });
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::kReading:
      if (!reader_.is_reading()) return close();
      add(counters_.read_timeouts);
      refuse({408, "request_timeout"});
      return drive();
    case Phase::kAnswering:
      add(counters_.answer_timeouts);
      keep_alive_ = false;
      begin_answer(Response::problem(503, "timeout", "The answer took too long."));
      return drive();
    case Phase::kSending:
      add(counters_.write_timeouts);
      return abandon();
    case Phase::kLive:
      if (live_blocked_) {
        add(counters_.write_timeouts);
        return abandon();
      }
      set_deadline(limits_.write_deadline);
      return look();
    case Phase::kLingering:
      return close();
    case Phase::kClosed:
      return;
  }
}

void Connection::call_handler(Request request) {
  auto state = std::make_shared<Responder::State>(weak_from_this(), number_);
  handling = this;
  try {
    core_->handler()(std::move(request), Responder(state));
  } catch (const std::exception& thrown) {
    // A defect of ours: one request suffers, not the service.
    log::error("request handler threw", {{"server", core_->config().name}, {"what", thrown.what()}});
    state->answer(Response::problem(500, "internal"));
  }
  state.reset();
  handling = nullptr;
}

}  // namespace millrace::http
