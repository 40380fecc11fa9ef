// What the copies of one Responder share. Internal to this library.
#pragma once

#include <atomic>
#include <memory>

#include "http/server.hpp"

namespace millrace::http {

class Connection;

class Responder::State {
 public:
  State(std::weak_ptr<Connection> connection, std::uint64_t number)
      : connection_(std::move(connection)), number_(number) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void answer(Response response);
  bool connected() const { return !connection_.expired(); }
  void allow_until(std::int64_t time_us);
  // nullptr when it has gone.
  std::shared_ptr<Connection> connection() const { return connection_.lock(); }
  // As answer(), on the connection's thread.
  void answer_here(const Response& response);

 private:
  const std::weak_ptr<Connection> connection_;
  const std::uint64_t number_;
  std::atomic<bool> answered_{false};
};

}  // namespace millrace::http
