// What other threads have for the bus thread: bounded queues behind one lock, and an eventfd that wakes the
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/fact_store.hpp"
#include "bus/node.hpp"
#include "bus/outstanding.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {

// Behind Statistics: written by any thread, read by any.
struct Counters {
  std::atomic<std::uint64_t> sent{0}, received{0}, gaps{0}, snapshots{0}, dropped{0}, malformed{0},
      deadlines{0}, overloaded{0}, repeated{0}, unknown_keys{0}, forbidden{0}, twins{0};
};

struct CallAnswer {
  std::uint64_t call = 0;
  std::optional<v1::Reply> reply;  // empty: nobody can answer it any more
};

// One visit of the bus thread takes all of it.
struct Mail {
  std::deque<std::string> events;  // serialised, in the order of their sequence
  std::map<std::string, v1::PointerBatch> pointers;
  std::vector<CallAnswer> answers;
  std::vector<OutstandingRequest> requests;
  std::vector<std::pair<std::string, EventHandler>> subscriptions;
  std::vector<std::pair<std::string, Node::PointerHandler>> pointer_subscriptions;
  std::vector<std::pair<std::string, std::vector<Address>>> addresses;  // by service, all of them
  std::optional<Node::RequestHandler> server;
  bool stop = false;
};

class Mailbox {
 public:
  Mailbox(const NodeConfig& config, std::uint64_t boot_id);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void publish(v1::Event event);
  void publish(std::vector<v1::Event> events);
  void notify(v1::PointerBatch batch);
  void notify(std::vector<v1::PointerBatch> batches);
  void answer(CallAnswer answer);
  void subscribe(std::string service, EventHandler handler);
  void subscribe_pointers(std::string service, Node::PointerHandler handler);
  void serve(Node::RequestHandler handler);
  void move(std::string service, std::vector<Address> addresses);
  // Empty: taken. Else the code of why not, and the request stays with the caller.
  ErrorCode request(OutstandingRequest& request);
  void stop();
  std::vector<std::string> instances(const std::string& service) const;

  // Bus thread.
  Mail take();
  // After it nothing is taken; what was left comes back.
  Mail close();
  void request_done() { outstanding_.fetch_sub(1, std::memory_order_relaxed); }
  void set_present(const PeerName& name, bool present);
  void snapshot(v1::Snapshot& snapshot) const;
  std::int64_t last_publish_us() const { return last_publish_us_.load(std::memory_order_relaxed); }
  int wake_fd() const { return wake_fd_; }

  Counters counters;

 private:
  template <class Change>
  bool post(Change change);
  void wake() const;
  void add_event(v1::Event event);
  void add_pointers(v1::PointerBatch batch);

  const NodeLimits limits_;
  int wake_fd_;
  std::atomic<std::size_t> outstanding_{0};
  std::atomic<std::int64_t> last_publish_us_{0};
  mutable std::mutex mutex_;
  bool closed_ = false;
  FactStore facts_;
  Mail mail_;
  std::set<PeerName> present_;
};

}  // namespace millrace::bus
