#include "http/upstream.hpp"

#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/survive.hpp"
#include "http/errors.hpp"
#include "net/standing_task.hpp"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using SocketError = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Parser = beast::http::response_parser<beast::http::string_body>;

// A request on its way; done once its callback has been called.
struct Exchange {
  std::string method;
  std::string id;
  std::string text;  // as it goes over the wire
  Upstream::Callback callback;
  std::function<bool()> wanted;
  Clock::time_point deadline;
  bool done = false;
  bool sent = false;  // goes over a connection, or went
  bool retried = false;

  void finish(Result<Response> result) {
    if (done) return;
    done = true;
    callback(std::move(result));
  }
  // The same for one of many: what its callback throws is not the others' matter.
  void give_up(ErrorCode error) {
    (void)survives("upstream", [&] { finish(fail(error)); });
  }
};
using ExchangePtr = std::shared_ptr<Exchange>;

constexpr std::size_t kIdBytes = 16;

std::string serialise(const UpstreamRequest& request, std::string_view id) {
  std::string text =
      request.method + " " + request.target + " HTTP/1.1\r\nHost: application\r\nConnection: keep-alive\r\n";
  text.append(kUpstreamIdField).append(": ").append(id).append("\r\n");
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers.at(i);
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!has_upstream_body(request.method)) return text.append("\r\n");
  text.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n\r\n");
  return text.append(request.body);
}

// Nothing to read, and not closed.
bool is_silent(int descriptor) {
  char byte = 0;
  const ssize_t got = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool is_answer_to(const Parser& parser, const Exchange& exchange) {
  const auto ids = parser.get().equal_range(kUpstreamIdField);
  return ids.first != ids.second && std::next(ids.first) == ids.second && ids.first->value() == exchange.id;
}

Response response_of(const Parser& parser) {
  Response response;
  response.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get()) {
    response.headers.add({field.name_string().data(), field.name_string().size()},
                         {field.value().data(), field.value().size()});
  }
  response.body = parser.get().body();
  response.ranges = false;
  return response;
}

}  // namespace

bool has_upstream_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// Everything below runs on the pool's thread, but for the entrances of Upstream.
class Upstream::Pool : public std::enable_shared_from_this<Upstream::Pool> {
 public:
  struct Line;

  explicit Pool(UpstreamConfig config)
      : config_(config),
        timer_(context_),
        guard_(context_.get_executor()),
        update_(context_, [this] { stopped_ ? shut_down() : connect_to(target_); }) {}

  void start();
  void run();
  void stop();
  void shut_down();
  void connect_to(std::uint16_t port);
  void enqueue(const ExchangePtr& exchange);

  const UpstreamConfig config_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  net::StandingTask update_;  // to stopped_ and target_
  std::thread thread_;
  std::mutex entrance_;  // between sending and stopping: nothing is posted after the end
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint16_t> target_{0};  // the port to connect to
  std::atomic<std::size_t> accepted_{0};  // exchanges in queue_ or on their way to it
  std::deque<ExchangePtr> queue_;
  std::vector<std::shared_ptr<Line>> lines_;
  std::shared_ptr<Line> handling_;  // whose handler runs; still set when it threw
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> requests_{0}, answers_{0}, overloaded_{0}, unsent_{0}, deadlines_{0},
      failures_{0}, abandoned_{0}, connects_{0}, strays_{0};

  ExchangePtr next();
  template <class Push>
  bool queue(const ExchangePtr& exchange, Push push);
  void retry(const ExchangePtr& exchange);
  void dispatch();
  void expire();
  void arm();
};

// One connection. idle → (connecting →) busy → idle.
struct Upstream::Pool::Line : std::enable_shared_from_this<Line> {
  Line(std::shared_ptr<Pool> owner) : pool(std::move(owner)), socket(pool->context_), timer(pool->context_) {}

  // Calls handler as this line's: an exception ends the line and nothing else.
  template <class Handler>
  void handle(Handler handler);
  void work();
  bool is_clean();
  void stray(const char* what);
  void connect();
  void write();
  void read();
  void complete(const SocketError& error);
  void fail();
  void close();
  void rest();

  std::shared_ptr<Pool> pool;
  asio::ip::tcp::socket socket;
  asio::steady_timer timer;
  std::uint16_t port = 0;  // connected to; 0: not connected
  ExchangePtr exchange;    // busy with it
  bool resting = false;    // after a refused connection
  beast::flat_buffer buffer{64UL * 1024};
  std::optional<Parser> parser;
};

void Upstream::Pool::Line::close() {
  SocketError ignored;
  socket.close(ignored);
  buffer.clear();
  port = 0;
}

template <class Handler>
void Upstream::Pool::Line::handle(Handler handler) {
  const std::shared_ptr<Line> outer = std::exchange(pool->handling_, shared_from_this());
  handler();
  pool->handling_ = outer;
}

void Upstream::Pool::Line::work() {
  if (exchange || resting || pool->port_ == 0) return;
  exchange = pool->next();
  if (!exchange) return;
  if (port != 0 && (port != pool->port_ || !is_clean())) close();
  handle([this] { port == 0 ? connect() : write(); });
}

// Whatever is there before a request is no answer to it. A server that closed an idle connection is none of
// that.
bool Upstream::Pool::Line::is_clean() {
  if (is_silent(socket.native_handle())) return true;
  SocketError error;
  if (socket.available(error) > 0) stray("bytes that nobody asked for");
  return false;
}

void Upstream::Pool::Line::stray(const char* what) {
  pool->strays_.fetch_add(1, std::memory_order_relaxed);
  log::error("connection to the application given up", {{"what", what}});
}

void Upstream::Pool::Line::connect() {
  port = pool->port_;
  pool->connects_.fetch_add(1, std::memory_order_relaxed);
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  socket.async_connect(endpoint, [self = shared_from_this()](const SocketError& error) {
    self->handle([&] {
      if (!error) return self->write();
      self->close();
      self->pool->retry(std::exchange(self->exchange, nullptr));
      self->rest();
    });
  });
}

void Upstream::Pool::Line::rest() {
  resting = true;
  timer.expires_after(pool->config_.reconnect);
  timer.async_wait([self = shared_from_this()](const SocketError& error) {
    self->resting = false;
    if (!error) self->work();
  });
}

void Upstream::Pool::Line::write() {
  exchange->sent = true;
  timer.expires_after(pool->config_.give_up);
  timer.async_wait([self = shared_from_this(), current = exchange](const SocketError& error) {
    if (error || self->exchange != current) return;
    self->pool->abandoned_.fetch_add(1, std::memory_order_relaxed);
    self->close();
  });
  asio::async_write(socket, asio::buffer(exchange->text),
                    [self = shared_from_this()](const SocketError& error, std::size_t) {
                      self->handle([&] { error ? self->fail() : self->read(); });
                    });
}

void Upstream::Pool::Line::read() {
  parser.emplace();
  parser->body_limit(pool->config_.answer_bytes);
  if (exchange->method == "HEAD") parser->skip(true);
  beast::http::async_read(socket, buffer, *parser,
                          [self = shared_from_this()](const SocketError& error, std::size_t) {
                            self->handle([&] { self->complete(error); });
                          });
}

void Upstream::Pool::Line::complete(const SocketError& error) {
  if (error) return fail();
  const ExchangePtr answered = std::exchange(exchange, nullptr);
  timer.cancel();
  const bool own = is_answer_to(*parser, *answered);
  if (own) pool->answers_.fetch_add(1, std::memory_order_relaxed);
  if (!own) stray("an answer that is not its request's");
  if (own && buffer.size() != 0) stray("bytes behind an answer");
  // Beast's own limit is lost when header and body come in one read.
  const bool too_large = parser->get().body().size() > pool->config_.answer_bytes;
  if (!own || too_large || buffer.size() != 0 || !parser->keep_alive()) close();
  Result<Response> answer = millrace::fail(http::errors::kBadAnswer);
  if (own && !too_large) answer = response_of(*parser);
  parser.reset();
  answered->finish(std::move(answer));
  work();
}

// The connection broke. Only a request of which the server cannot have shown any effect goes out again.
void Upstream::Pool::Line::fail() {
  const bool untouched = !parser || !parser->got_some();
  const ExchangePtr broken = std::exchange(exchange, nullptr);
  timer.cancel();
  parser.reset();
  close();
  if (broken) {
    pool->failures_.fetch_add(1, std::memory_order_relaxed);
    if (untouched && !broken->retried && broken->method == "GET") {
      broken->retried = true;
      pool->retry(broken);
    } else {
      broken->finish(millrace::fail(untouched ? "http.unavailable" : http::errors::kBadAnswer));
    }
  }
  work();
}

void Upstream::Pool::start() {
  for (std::size_t i = 0; i < config_.connections; ++i)
    lines_.push_back(std::make_shared<Line>(shared_from_this()));
  thread_ = std::thread([this] {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    run();
  });
}

// Until stop(). What a handler throws (no memory) costs its connection.
void Upstream::Pool::run() {
  const auto turn = [this] {
    if (const std::shared_ptr<Line> broken = std::exchange(handling_, nullptr)) broken->fail();
    context_.run();
  };
  while (!survives("upstream", turn)) {
  }
}

void Upstream::Pool::stop() {
  {
    const std::lock_guard lock(entrance_);
    if (stopped_.exchange(true)) return;
  }
  update_.request();
  thread_.join();
  lines_.clear();  // they own the pool
}

// The last thing that is asked of the thread: it ends when nothing waits any more.
void Upstream::Pool::shut_down() {
  guard_.reset();
  timer_.cancel();
  for (const std::shared_ptr<Line>& line : lines_) {
    line->timer.cancel();
    line->close();
  }
  for (const std::shared_ptr<Line>& line : lines_)
    if (line->exchange) line->exchange->give_up(http::errors::kStopped);
  for (const ExchangePtr& exchange : queue_) exchange->give_up(http::errors::kStopped);
  queue_.clear();
  port_ = 0;
}

void Upstream::Pool::connect_to(std::uint16_t port) {
  port_ = port;
  for (const std::shared_ptr<Line>& line : lines_) {
    if (!line->exchange && line->port != port) line->close();
  }
  dispatch();
}

// An accepted exchange into the queue. False when there is no memory for that: it is finished with an error.
template <class Push>
bool Upstream::Pool::queue(const ExchangePtr& exchange, Push push) {
  if (survives("upstream", push)) return true;
  accepted_.fetch_sub(1, std::memory_order_relaxed);
  overloaded_.fetch_add(1, std::memory_order_relaxed);
  exchange->finish(millrace::fail(http::errors::kOverloaded));
  return false;
}

void Upstream::Pool::enqueue(const ExchangePtr& exchange) {
  if (stopped_) return exchange->finish(millrace::fail(http::errors::kStopped));
  if (queue(exchange, [&] { queue_.push_back(exchange); })) dispatch();
}

void Upstream::Pool::retry(const ExchangePtr& exchange) {
  if (stopped_) return exchange->finish(millrace::fail(http::errors::kStopped));
  if (exchange->done) return;
  exchange->sent = false;
  accepted_.fetch_add(1, std::memory_order_relaxed);
  if (queue(exchange, [&] { queue_.push_front(exchange); })) arm();
}

ExchangePtr Upstream::Pool::next() {
  while (!queue_.empty()) {
    ExchangePtr exchange = std::move(queue_.front());
    queue_.pop_front();
    accepted_.fetch_sub(1, std::memory_order_relaxed);
    if (!exchange->done && exchange->wanted && !exchange->wanted()) exchange->give_up("http.unwanted");
    if (!exchange->done) return exchange;
  }
  return nullptr;
}

void Upstream::Pool::dispatch() {
  for (const std::shared_ptr<Line>& line : lines_) {
    if (queue_.empty()) break;
    line->work();
  }
  arm();
}

// Finishes everything that is past its deadline, queued or on a connection.
void Upstream::Pool::expire() {
  const auto now = Clock::now();
  const auto check = [&](const ExchangePtr& exchange) {
    if (!exchange || exchange->done || now < exchange->deadline) return;
    (exchange->sent ? deadlines_ : unsent_).fetch_add(1, std::memory_order_relaxed);
    exchange->give_up(exchange->sent ? http::errors::kDeadline : http::errors::kUnsent);
  };
  for (const ExchangePtr& exchange : queue_) check(exchange);
  for (const std::shared_ptr<Line>& line : lines_) check(line->exchange);
  const std::size_t before = queue_.size();
  std::erase_if(queue_, [](const ExchangePtr& exchange) { return exchange->done; });
  accepted_.fetch_sub(before - queue_.size(), std::memory_order_relaxed);
}

void Upstream::Pool::arm() {
  std::optional<Clock::time_point> first;
  const auto look = [&](const ExchangePtr& exchange) {
    if (exchange && !exchange->done && (!first || exchange->deadline < *first)) first = exchange->deadline;
  };
  for (const ExchangePtr& exchange : queue_) look(exchange);
  for (const std::shared_ptr<Line>& line : lines_) look(line->exchange);
  if (!first || stopped_) return;
  timer_.expires_at(*first);
  timer_.async_wait([self = shared_from_this()](const SocketError& error) {
    if (error) return;
    self->expire();
    self->arm();
  });
}

Upstream::Upstream(UpstreamConfig config) : pool_(std::make_shared<Pool>(config)) {
  pool_->start();
}

Upstream::~Upstream() {
  stop();
}

void Upstream::connect_to(std::uint16_t port) noexcept {
  const std::lock_guard lock(pool_->entrance_);
  if (pool_->stopped_) return;
  pool_->target_ = port;
  pool_->update_.request();
}

void Upstream::send(UpstreamRequest request, Callback callback) {
  pool_->requests_.fetch_add(1, std::memory_order_relaxed);
  auto exchange = std::make_shared<Exchange>();
  exchange->callback = std::move(callback);
  exchange->id = random_hex(kIdBytes);
  exchange->text = serialise(request, exchange->id);
  if (exchange->text.size() > pool_->config_.request_bytes)
    return exchange->finish(fail(http::errors::kTooLarge));
  std::unique_lock lock(pool_->entrance_);
  if (pool_->stopped_) {
    lock.unlock();
    return exchange->finish(fail(http::errors::kStopped));
  }
  if (pool_->accepted_.fetch_add(1, std::memory_order_relaxed) >= pool_->config_.queue) {
    pool_->accepted_.fetch_sub(1, std::memory_order_relaxed);
    pool_->overloaded_.fetch_add(1, std::memory_order_relaxed);
    lock.unlock();
    return exchange->finish(fail(http::errors::kOverloaded));
  }
  exchange->method = std::move(request.method);
  exchange->wanted = std::move(request.wanted);
  exchange->deadline = Clock::now() + pool_->config_.deadline;
  try {
    asio::post(pool_->context_, [pool = pool_.get(), exchange] { pool->enqueue(exchange); });
  } catch (...) {
    pool_->accepted_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
}

void Upstream::stop() noexcept {
  pool_->stop();
}

UpstreamStatistics Upstream::statistics() const {
  return statistics_source()();
}

std::function<UpstreamStatistics()> Upstream::statistics_source() const {
  return [pool = pool_] {
    UpstreamStatistics out;
    out.requests = pool->requests_;
    out.answers = pool->answers_;
    out.unsent = pool->unsent_;
    out.overloaded = pool->overloaded_;
    out.deadlines = pool->deadlines_;
    out.failures = pool->failures_;
    out.abandoned = pool->abandoned_;
    out.connects = pool->connects_;
    out.strays = pool->strays_;
    return out;
  };
}

}  // namespace millrace::http
