// The bus thread: owns all sockets, moves messages between them, the mailbox and the tables. Constructed on
// the starting thread, run() on the bus thread; everything here is used by one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bus/call_table.hpp"
#include "bus/mailbox.hpp"
#include "bus/node.hpp"
#include "bus/outstanding.hpp"
#include "bus/socket.hpp"
#include "bus/subscription.hpp"

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
  Hub(zmq::context_t& context, NodeConfig config, std::shared_ptr<Mailbox> mailbox);

  // Binds the three sockets of our own instance, if there is one.
  Result<void> bind();
  // Until the mailbox says stop.
  void run();

 private:
  // A service that we listen to or ask. Its sockets are made when they are first needed.
  struct Peer {
    std::string service;
    Endpoints endpoints;
    std::optional<Socket> events;
    std::optional<Socket> commands;
    std::optional<Socket> pointers;
    std::optional<Subscription> subscription;
    Node::PointerHandler on_pointers;
    std::deque<std::uint64_t> unsent;  // requests that wait for the connection
  };

  void turn();
  void poll(std::int64_t now_us);
  std::int64_t next_due_us() const;
  void take_mail(Mail mail);
  void finish();

  Peer* peer(const std::string& service);
  Socket* connect(std::optional<Socket>& socket, Socket::Kind kind, int high_water,
                  const std::string& address);
  void add_subscription(const std::string& service, EventHandler handler);
  void add_pointer_subscription(const std::string& service, Node::PointerHandler handler);

  void add_request(OutstandingRequest request);
  void send_requests(Peer& peer);
  void ask_for_snapshot(Peer& peer);
  void end_request(OutstandingRequest request, Result<v1::Reply> result);

  void read_requests();
  void on_request(const std::string& from, const v1::Request& request);
  void run_call(std::uint64_t call, std::int64_t deadline_us, const v1::Request& request);
  void reply(const std::string& to, const v1::Reply& reply);
  void refuse(const std::string& to, std::uint64_t id, const char* code);
  void read_events(Peer& peer);
  void read_replies(Peer& peer);
  void read_pointers(Peer& peer);
  void expire(std::int64_t now_us);
  std::int64_t next_beat_us() const;
  void beat(std::int64_t now_us);
  void count_subscriptions();

  template <class Message>
  bool parse(const Frame& frame, Message& message);
  void publish(std::optional<Socket>& socket, std::string_view bytes);

  zmq::context_t& context_;
  NodeConfig config_;
  std::shared_ptr<Mailbox> mailbox_;
  std::optional<Socket> events_;
  std::optional<Socket> commands_;
  std::optional<Socket> pointers_;
  std::map<std::string, Peer> peers_;
  Node::RequestHandler server_;
  CallTable calls_;
  OutstandingRequests outstanding_;
  std::int64_t started_us_ = 0;
  bool stopping_ = false;
};

}  // namespace millrace::bus
