// The other instances on the bus, as far as this process listens to them or asks them: a link for each
// address, what they are subscribed with, and our requests that have no answer yet. Bus thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bus/link.hpp"
#include "bus/mailbox.hpp"
#include "bus/node.hpp"
#include "bus/outstanding.hpp"
#include "bus/withdrawals.hpp"

namespace millrace::bus {

class Peers {
 public:
  // follow: called once for each service that is listened to or asked; its addresses come to move().
  // keys: null where tcp is plain. The references outlive it.
  Peers(zmq::context_t& context, const NodeConfig& config, const Keys* keys, std::shared_ptr<Mailbox> mailbox,
        std::function<void(const std::string& service)> follow);

  void subscribe(const std::string& service, EventHandler handler);
  void subscribe_pointers(const std::string& service, Node::PointerHandler handler);
  void request(OutstandingRequest request);
  // All addresses of a service, in the order in which they are asked.
  void move(const std::string& service, const std::vector<Address>& addresses);

  void add_to(std::vector<zmq::pollitem_t>& items);
  std::int64_t next_due_us() const;
  // Everything that waits to be sent and that arrived, up to a bound for each socket.
  void serve();
  void expire(std::int64_t now_us);
  // "bus.stopped" to every request.
  void stop();

 private:
  struct Service {
    std::string name;
    std::optional<EventHandler> handler{};
    Node::PointerHandler on_pointers{};
    bool asked = false;
    std::vector<LinkPtr> links{};
    // Requests that wait for a connection, by the instance that they are to; "": to any.
    std::map<std::string, std::deque<std::uint64_t>> unsent{};
  };
  Service* service(const std::string& name);
  void open(Service& service, Link& link);
  EventHandler handler_of(Service& service);
  void leave(const Service& service, const Link& link);
  void withdraw(std::int64_t now_us);
  // Null: no other link is.
  static const Link* in_step(const Service& service, const std::string& instance, const Link* besides);
  void revive(Service& service);

  static std::vector<Link*> to_ask(const Service& service, const std::string& instance);
  void send(Service& service);
  bool send(Link& link, std::uint64_t id);
  void forget_expired(std::deque<std::uint64_t>& ids) const;
  void ask_for_snapshot(Service& service, const LinkPtr& link);
  void receive_snapshot(Service& service, Link& link, const v1::Snapshot& snapshot);
  void end(OutstandingRequest request, Result<v1::Reply> result);

  void read_events(const Service& service, Link& link);
  // True: it was not the service's to say.
  bool silence(const Service& service, v1::Event& event) const;
  void read_replies(Link& link);
  void read_pointers(const Service& service, Link& link);
  void count_subscriptions();

  const NodeConfig& config_;
  const Linker linker_;
  std::shared_ptr<Mailbox> mailbox_;
  std::function<void(const std::string&)> follow_;
  std::map<std::string, Service> services_;
  OutstandingRequests outstanding_;
  Withdrawals withdrawals_;
  std::uint64_t past_gaps_ = 0;  // of links that are gone
  std::uint64_t past_snapshots_ = 0;
};

}  // namespace millrace::bus
