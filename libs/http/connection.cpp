#include "http/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/responder.hpp"
#include "http/response_header.hpp"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kReadBytes = 8UL * 1024;
constexpr unsigned kStepsPerTurn = 64;
constexpr std::uint64_t kPieceBytes = 256UL * 1024;  // what write_deadline is for
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::size_t kLingerBytes = 1024UL * 1024;

thread_local const Connection* handling = nullptr;

void add(Counters::Counter& counter, std::uint64_t count = 1) {
  counter.fetch_add(count, std::memory_order_relaxed);
}

struct Refusal {
  int status;
  std::string_view code;
};

Refusal refusal_for(const ErrorCode& error, const RequestParser& parser) {
  if (error == beast::http::error::header_limit) return {431, "header_too_large"};
  if (error == beast::http::error::bad_version) return {505, "http_version"};
  if (error == beast::http::error::body_limit) return {413, "body_too_large"};
  switch (parser.refusal()) {
    case 413:
      return {413, "body_too_large"};
    case 431:
      return {431, "header_too_large"};
    case 501:
      return {501, "not_implemented"};
    case 505:
      return {505, "http_version"};
    default:
      return {400, "bad_request"};
  }
}

}  // namespace

Connection::Connection(std::shared_ptr<Server::Core> core, Worker& worker, Socket socket,
                       std::string peer_address)
    : core_(std::move(core)),
      worker_(worker),
      counters_(core_->counters()),
      limits_(core_->config().limits),
      socket_(std::move(socket)),
      peer_address_(std::move(peer_address)),
      timer_(worker.context),
      buffer_(limits_.header_bytes + 2 * kReadBytes) {}

bool Connection::is_in_handler() const {
  return handling == this;
}

void Connection::start() {
  if (core_->draining()) return close();
  set_deadline(limits_.idle_deadline);
  drive();
}

void Connection::drain() {
  if (phase_ == Phase::kReading && !parser_) close();
  if (phase_ == Phase::kLingering) close();
  if (phase_ != Phase::kLive) return;
  live_->drain();
  (void)live_step();
  close();
}

void Connection::close() {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswering) counters_.pending.fetch_sub(1, std::memory_order_relaxed);
  phase_ = Phase::kClosed;
  ErrorCode ignored;
  socket_.close(ignored);
  timer_.cancel();
  transfer_.reset();
  response_.reset();
  live_.reset();
  chunks_.reset();
  core_->closed(worker_, shared_from_this(), peer_address_);
}

// Gives the connection up so that what the kernel still holds is not delivered.
void Connection::abandon() {
  ErrorCode ignored;
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
  asio::post(worker_.context, [self = shared_from_this()] { self->drive(); });
}

void Connection::read_more() {
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t count) {
                            self->on_read(error, count);
                          });
}

void Connection::on_read(const ErrorCode& error, std::size_t count) {
  if (phase_ != Phase::kReading) return;
  if (error) {
    if (parser_) add(counters_.aborted);
    return close();
  }
  buffer_.commit(count);
  drive();
}

// RFC 9112 section 2.2: an empty line before a request line is ignored.
void Connection::skip_empty_lines() {
  while (buffer_.size() >= 2) {
    const auto* data = static_cast<const char*>(buffer_.data().data());
    if (data[0] != '\r' || data[1] != '\n') return;
    buffer_.consume(2);
  }
}

bool Connection::begin_request() {
  skip_empty_lines();
  if (buffer_.size() == 0) {
    read_more();
    return false;
  }
  parser_.emplace(limits_);
  header_bytes_ = 0;
  header_done_ = false;
  set_deadline(limits_.header_deadline);
  return true;
}

bool Connection::read_step() {
  if (!parser_ && !begin_request()) return false;
  ErrorCode error;
  const std::size_t consumed = parser_->put(buffer_.data(), error);
  buffer_.consume(consumed);
  if (error && error != beast::http::error::need_more) {
    const Refusal refusal = refusal_for(error, *parser_);
    refuse(refusal.status, refusal.code, {});
    return true;
  }
  if (!parser_->is_header_done()) {
    header_bytes_ += consumed;
    if (header_bytes_ + buffer_.size() >= limits_.header_bytes) {
      refuse(431, "header_too_large", {});
      return true;
    }
  } else if (!header_done_) {
    header_done_ = true;
    set_deadline(limits_.body_deadline);
    if (!parser_->is_done()) continue_if_expected();
  }
  if (parser_->is_done()) {
    dispatch();
    return true;
  }
  // Beast stops at a boundary within what it has: only more bytes help when it says so.
  if (error == beast::http::error::need_more || buffer_.size() == 0) {
    read_more();
    return false;
  }
  return true;
}

void Connection::continue_if_expected() {
  if (!parser_->expects_continue() || buffer_.size() > 0) return;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  // A socket that cannot take 25 bytes now belongs to a client that does not read: it may wait for its own
  // timeout.
  (void)::send(socket_.native_handle(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Connection::refuse(int status, std::string_view code, std::string_view detail) {
  add(counters_.bad_requests);
  conditions_ = Request{};
  keep_alive_ = false;
  ++number_;
  parser_.reset();
  begin_answer(Response::problem(status, code, detail));
}

void Connection::dispatch() {
  keep_alive_ = parser_->keep_alive();
  is_http_1_1_ = parser_->is_http_1_1();
  Request request = parser_->take();
  parser_.reset();
  request.peer_address = peer_address_;
  conditions_ = Request{};
  conditions_.method = request.method;
  for (const std::string_view name : {"Range", "If-Range", "If-None-Match", "If-Modified-Since"}) {
    if (request.headers.contains(name)) conditions_.headers.add(name, request.headers.find(name));
  }
  ++number_;
  phase_ = Phase::kAnswering;
  add(counters_.requests);
  add(counters_.pending);
  call_handler(std::move(request));
  if (phase_ != Phase::kAnswering) return;
  if (response_) {
    counters_.pending.fetch_sub(1, std::memory_order_relaxed);
    begin_answer(std::move(*response_));
    response_.reset();
    return;
  }
  set_deadline(limits_.answer_deadline);
  if (buffer_.size() == 0) watch_for_leaving();
}

void Connection::watch_for_leaving() {
  socket_.async_wait(
      asio::socket_base::wait_read, [self = shared_from_this(), number = number_](const ErrorCode& error) {
        if (error || self->phase_ != Phase::kAnswering || self->number_ != number || !self->has_left())
          return;
        add(self->counters_.aborted);
        self->close();
      });
}

bool Connection::has_left() {
  char byte = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void Connection::answer(std::uint64_t number, Response response) {
  if (phase_ != Phase::kAnswering || number != number_) return;
  if (is_in_handler()) {
    response_ = std::move(response);
    return;
  }
  counters_.pending.fetch_sub(1, std::memory_order_relaxed);
  begin_answer(std::move(response));
  drive();
}

void Connection::begin_answer(Response response) {
  if (response.live) conditions_.headers = {};  // neither ranges nor conditions of what has no end
  const std::uint64_t size = body_size(response.body);
  const Selection selection = select(conditions_, response, size);
  if (conditions_.method == Method::kGet) live_ = response.live;
  if (live_ && is_http_1_1_ && response.status != 101) chunks_ = std::make_unique<ChunkedOutput>();
  keep_alive_ = keep_alive_ && !response.close && !live_ && !core_->draining();
  counters_.count_response(selection.status);
  std::string header =
      response_header(response, selection, {worker_.http_date(), size, keep_alive_, chunks_ != nullptr});
  const bool without_body = conditions_.method == Method::kHead || is_bodiless(selection.status);
  transfer_.emplace(std::move(header), std::move(response.body), selection.offset,
                    without_body ? 0 : selection.length);
  transfer_mark_ = 0;
  phase_ = Phase::kSending;
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
      socket_.async_wait(asio::socket_base::wait_write, [self = shared_from_this()](const ErrorCode& error) {
        if (!error) self->drive();
      });
      return false;
    case Transfer::Progress::kYield:
      asio::post(worker_.context, [self = shared_from_this()] { self->drive(); });
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

namespace {

// The socket, counted.
class SocketOutput final : public LiveOutput {
 public:
  explicit SocketOutput(int socket) : socket_(socket) {}
  ssize_t send(std::span<const iovec> parts) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    const ssize_t count = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent_ += static_cast<std::uint64_t>(count);
    return count;
  }
  std::uint64_t sent() const { return sent_; }

 private:
  int socket_;
  std::uint64_t sent_ = 0;
};

}  // namespace

void Connection::begin_live() {
  phase_ = Phase::kLive;
  set_deadline(limits_.write_deadline);
  const std::weak_ptr<Connection> weak = weak_from_this();
  live_->attach([weak] {
    const std::shared_ptr<Connection> self = weak.lock();
    if (!self) return;
    asio::post(self->worker_.context, [weak] {
      if (const std::shared_ptr<Connection> alive = weak.lock()) alive->poll();
    });
  });
  if (live_->is_polled()) worker_.poll(shared_from_this());
  if (buffer_.size() > 0) {
    const auto* data = static_cast<const std::uint8_t*>(buffer_.data().data());
    live_->receive({data, buffer_.size()}, monotonic_us());
  }
  // Nothing of the request's is needed any more: there may be thousands of these.
  buffer_.consume(buffer_.size());
  buffer_.shrink_to_fit();
  conditions_ = Request{};
  read_live();
}

void Connection::poll() {
  if (phase_ == Phase::kLive && !live_blocked_) drive();
}

bool Connection::live_step() {
  SocketOutput output(socket_.native_handle());
  LiveStream::Progress progress = LiveStream::Progress::kEnded;
  if (chunks_) chunks_->bind(output);
  if (!live_ended_)
    progress = live_->pump(chunks_ ? static_cast<LiveOutput&>(*chunks_) : output, monotonic_us());
  live_ended_ = progress == LiveStream::Progress::kEnded;
  if (live_ended_ && chunks_) progress = chunks_->finish();
  add(counters_.sent_bytes, output.sent());
  if (output.sent() > 0) set_deadline(limits_.write_deadline);
  switch (progress) {
    case LiveStream::Progress::kIdle:
      return false;
    case LiveStream::Progress::kMore:
      return true;
    case LiveStream::Progress::kBlocked:
      live_blocked_ = true;
      set_deadline(limits_.write_deadline);
      socket_.async_wait(asio::socket_base::wait_write, [self = shared_from_this()](const ErrorCode& error) {
        self->live_blocked_ = false;
        if (!error) self->drive();
      });
      return false;
    case LiveStream::Progress::kEnded:
      linger();
      return false;
    case LiveStream::Progress::kFailed:
      add(counters_.aborted);
      abandon();
      return false;
    case LiveStream::Progress::kTorn:
      add(counters_.torn);
      abandon();
      return false;
  }
  return false;
}

void Connection::read_live() {
  socket_.async_wait(asio::socket_base::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (self->phase_ != Phase::kLive) return;
    std::array<std::uint8_t, 4096> bytes;
    const ssize_t count =
        error ? 0 : ::recv(self->socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    const bool nothing = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    if (count <= 0 && !nothing) {
      add(self->counters_.aborted);
      return self->close();
    }
    if (count > 0) self->live_->receive({bytes.data(), static_cast<std::size_t>(count)}, monotonic_us());
    self->poll();
    if (self->phase_ == Phase::kLive) self->read_live();
  });
}

// Closing with unread bytes would make the kernel send a reset that can overtake the answer (RFC 9112
// section 9.6).
void Connection::linger() {
  if (phase_ != Phase::kLingering) {
    phase_ = Phase::kLingering;
    set_deadline(kLinger);
    ErrorCode ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  socket_.async_wait(asio::socket_base::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (self->phase_ != Phase::kLingering) return;
    std::array<char, 4096> discarded;
    ssize_t count = 0;
    while (!error && self->lingered_ < kLingerBytes) {
      count = ::recv(self->socket_.native_handle(), discarded.data(), discarded.size(), MSG_DONTWAIT);
      if (count <= 0) break;
      self->lingered_ += static_cast<std::size_t>(count);
    }
    const bool more = !error && count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (more) return self->linger();
    self->close();
  });
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
  timer_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (error || self->phase_ == Phase::kClosed) return;
    self->timer_at_ = Clock::time_point::max();
    if (Clock::now() >= self->deadline_)
      self->on_deadline();
    else
      self->arm_timer();
  });
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::kReading:
      if (!parser_) return close();
      add(counters_.read_timeouts);
      refuse(408, "request_timeout", {});
      return drive();
    case Phase::kAnswering:
      add(counters_.answer_timeouts);
      counters_.pending.fetch_sub(1, std::memory_order_relaxed);
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
      return poll();
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
