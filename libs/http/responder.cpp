#include "http/responder.hpp"

#include <boost/asio/post.hpp>

#include "base/survive.hpp"
#include "http/connection.hpp"

namespace millrace::http {

Responder::State::~State() {
  if (answered_) return;
  // Without memory for that answer, the client's deadline is what it gets.
  (void)survives("responder", [this] { answer(Response::problem(500, "internal")); });
}

void Responder::State::answer(Response response) {
  if (answered_.exchange(true)) return;
  const std::shared_ptr<Connection> connection = connection_.lock();
  if (!connection) return;
  if (connection->is_in_handler()) return connection->answer(number_, std::move(response));
  // Weak: a handler that is left over in the queue must not keep the connection, and with it the queue,
  // alive.
  boost::asio::post(connection->context(),
                    [weak = connection_, number = number_, answer = std::move(response)]() mutable {
                      if (const std::shared_ptr<Connection> alive = weak.lock())
                        alive->answer(number, std::move(answer));
                    });
}

void Responder::operator()(Response response) const {
  state_->answer(std::move(response));
}

bool Responder::connected() const {
  return state_->connected();
}

}  // namespace millrace::http
