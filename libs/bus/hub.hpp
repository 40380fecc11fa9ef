// The bus thread: our own instance's sockets and what is asked of it, the mailbox, and the turn of the
// Peers. Constructed on the starting thread, run() on the bus thread; everything here is used by one thread
// at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "bus/call_table.hpp"
#include "bus/command_sockets.hpp"
#include "bus/gatekeeper.hpp"
#include "bus/mailbox.hpp"
#include "bus/node.hpp"
#include "bus/peers.hpp"
#include "bus/socket.hpp"

namespace millrace::bus {

// One call of our RequestHandler, shared by the copies of its Responder.
struct Responder::State {
  State(std::weak_ptr<Mailbox> to, std::uint64_t call_id, std::int64_t deadline)
      : mailbox(std::move(to)), call(call_id), deadline_us(deadline) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::weak_ptr<Mailbox> mailbox;
  std::uint64_t call;
  std::int64_t deadline_us;
  std::atomic<bool> answered{false};
};

class Hub {
 public:
  // keys, follow: as in Peers.
  Hub(zmq::context_t& context, NodeConfig config, const Keys* keys, std::shared_ptr<Mailbox> mailbox,
      std::function<void(const std::string& service)> follow);

  // Binds the three sockets of our own instance, if there is one.
  Result<void> bind();
  // Until the mailbox says stop.
  void run();

 private:
  void turn();
  void poll(std::int64_t now_us);
  std::int64_t next_due_us() const;
  void take_mail(Mail mail);
  void finish();
  void remove_sockets() const;

  void read_requests();
  void on_request(Way way, const Frame& frame, const v1::Request& request);
  void run_call(std::uint64_t call, std::int64_t deadline_us, const v1::Request& request);
  void reply(const std::string& to, const v1::Reply& reply);
  void refuse(const std::string& to, std::uint64_t id, const char* code);
  void expire(std::int64_t now_us);
  std::int64_t next_beat_us() const;
  void beat(std::int64_t now_us);
  void publish(std::optional<Socket>& socket, std::string_view bytes);

  zmq::context_t& context_;
  const NodeConfig config_;
  const Keys* keys_;
  std::shared_ptr<Mailbox> mailbox_;
  Peers peers_;
  std::optional<Gatekeeper> gatekeeper_;
  std::optional<Socket> events_;
  std::optional<CommandSockets> commands_;
  std::optional<Socket> pointers_;
  Node::RequestHandler server_;
  CallTable calls_;
  std::int64_t started_us_ = 0;
  bool stopping_ = false;
};

}  // namespace millrace::bus
