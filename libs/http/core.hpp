// The inside of a Server: its workers, what all connections share, and the life of both. Internal to this
// library.
//
// Ownership: Server → Core → Workers; a worker's set owns its connections, so do their pending operations.
// Connections own the Core, so that a late Responder is safe; close() breaks the cycle. Everything of a
// connection happens on its worker's thread.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "http/counters.hpp"
#include "http/places.hpp"
#include "http/server.hpp"
#include "net/listener.hpp"
#include "net/standing_task.hpp"

namespace millrace::http {

class Connection;

// One thread with its own event loop; context has a concurrency hint of one.
struct Worker {
  boost::asio::io_context context{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guard;
  std::thread thread;
  std::optional<net::StandingTask> leave;  // Core::leave()
  std::unordered_set<std::shared_ptr<Connection>> connections;
  // Connections whose live streams are polled, and the timer while there are any.
  std::unordered_set<std::shared_ptr<Connection>> polled;
  std::optional<boost::asio::steady_timer> poll_timer;
  void poll(const std::shared_ptr<Connection>& connection);
  // Without the next look no live stream of this worker would go on.
  void poll_all() noexcept;
  void wait_to_poll(std::chrono::microseconds pause) noexcept;

  // The Date field, made once a second.
  std::int64_t date_second = 0;
  std::string date;

  std::string_view http_date();
};

class Server::Core : public std::enable_shared_from_this<Server::Core> {
 public:
  explicit Core(ServerConfig config);
  ~Core();

  Result<void> listen();
  void serve(Handler handler);
  void drain(std::chrono::milliseconds grace);
  std::uint16_t port() const { return port_; }

  const ServerConfig& config() const { return config_; }
  const Handler& handler() const { return handler_; }
  Counters& counters() { return counters_; }
  Statistics statistics() const;
  bool ending() const { return phase_.load(std::memory_order_relaxed) > Phase::kDraining; }
  bool draining() const { return phase_.load(std::memory_order_relaxed) != Phase::kServing; }

  // Of those that come while it drains; further ones are closed at once.
  static constexpr std::size_t kMostLate = 256;
  // They have so long to ask once it has drained.
  static constexpr std::chrono::milliseconds kLatePatience{250};

  // Called once by each connection, on its worker.
  void closed(Worker& worker, const std::shared_ptr<Connection>& connection);

 private:
  void adopt(net::Accepted accepted);
  // On the worker. What goes wrong gives the descriptor and the place back.
  void begin(Worker& worker, net::UniqueFd fd, bool is_v6, std::string peer, Places::Place place);
  enum class Phase : std::uint8_t {
    kServing,
    kDraining,  // requests that run are answered, others by 503
    kEnding,    // nobody is let in any more
    kClosing,
  };
  std::optional<Places::Place> place_of(const std::string& peer);
  void stop_listening();
  void enter(Phase phase) noexcept;
  // On the worker: does to its connections what the phase asks for.
  void leave(Worker& worker);

  const ServerConfig config_;
  Handler handler_;  // empty before serve() and after the drain
  Counters counters_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint16_t port_ = 0;
  std::atomic<Phase> phase_{Phase::kServing};
  const std::shared_ptr<Places> places_;
  const std::shared_ptr<Places> late_places_;
  std::size_t next_worker_ = 0;  // on the first worker

  mutable std::mutex mutex_;                 // guards what follows
  std::unique_ptr<net::Listener> listener_;  // until it has drained; destroyed on the first worker
  std::uint64_t out_of_descriptors_ = 0;     // of a listener that has gone
  bool stopped_ = false;
};

}  // namespace millrace::http
