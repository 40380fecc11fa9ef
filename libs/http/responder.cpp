#include "http/responder.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>

#include "base/survive.hpp"
#include "http/connection.hpp"

namespace millrace::http {
namespace {

namespace asio = boost::asio;

// Between two looks at the other clients of the thread: a millisecond's work, about.
constexpr std::size_t kAnswersOfATurn = 128;

// Answers of one event loop.
struct Batch {
  struct Entry {
    std::shared_ptr<Responder::State> state;
    std::shared_ptr<const Response> response;
  };
  std::vector<Entry> entries;
  std::size_t next = 0;
};

void post_turn(asio::io_context& context, const std::shared_ptr<Batch>& batch) {
  asio::post(context, [&context, batch] {
    const std::size_t end = std::min(batch->next + kAnswersOfATurn, batch->entries.size());
    while (batch->next < end) {
      const Batch::Entry entry = std::move(batch->entries[batch->next++]);
      (void)survives("responder", [&] { entry.state->answer_here(*entry.response); });
    }
    if (batch->next < batch->entries.size()) post_turn(context, batch);
  });
}

}  // namespace

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
  asio::post(connection->context(),
             [weak = connection_, number = number_, answer = std::move(response)]() mutable {
               if (const std::shared_ptr<Connection> alive = weak.lock())
                 alive->answer(number, std::move(answer));
             });
}

void Responder::State::answer_here(const Response& response) {
  if (answered_) return;
  Response own = response;  // before anything is promised
  if (answered_.exchange(true)) return;
  if (const std::shared_ptr<Connection> connection = connection_.lock())
    connection->answer(number_, std::move(own));
}

void Responder::State::allow_until(std::int64_t time_us) {
  const std::shared_ptr<Connection> connection = connection_.lock();
  if (!connection) return;
  if (connection->is_in_handler()) return connection->allow_until(number_, time_us);
  asio::post(connection->context(), [weak = connection_, number = number_, time_us] {
    if (const std::shared_ptr<Connection> alive = weak.lock()) alive->allow_until(number, time_us);
  });
}

void Responder::operator()(Response response) const {
  state_->answer(std::move(response));
}

bool Responder::connected() const {
  return state_->connected();
}

void Responder::allow_until(std::int64_t time_us) const {
  state_->allow_until(time_us);
}

void Responder::answer_all(std::vector<Answer> answers) {
  struct Loop {
    std::shared_ptr<Connection> any;  // keeps its context
    std::shared_ptr<Batch> batch;
  };
  std::map<asio::io_context*, Loop> loops;
  for (Answer& answer : answers) {
    const std::shared_ptr<Connection> connection = answer.to.state_->connection();
    if (!connection) continue;
    Loop& loop = loops[&connection->context()];
    if (!loop.batch) loop = {connection, std::make_shared<Batch>()};
    loop.batch->entries.push_back({std::move(answer.to.state_), std::move(answer.response)});
  }
  for (const auto& [context, loop] : loops) post_turn(*context, loop.batch);
}

}  // namespace millrace::http
