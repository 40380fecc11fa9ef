// The process's place on the bus: its own events, facts, pointers and answers, and its view of the other
// services.
//
//   auto node = bus::Node::start({.service = "packaging", .endpoints = *bus::endpoints(environment)});
//   (*node)->subscribe("ingest", {.on_snapshot = …, .on_event = …, .on_lost = …});
//   (*node)->publish(event);     // event.key and payload are the caller's, the rest is filled in
//   (*node)->request("auth", request, 500ms, [](Result<v1::Reply> reply) { … });
//
// One Node per process. It owns one thread, the bus thread, and all sockets belong to that. Every method is
// safe from any thread and never waits for the network. Callbacks run on the bus thread and must not block:
// post to an actor or an io_context. What an on_… callback gets is valid during the call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "bus/endpoints.hpp"
#include "bus/resolver.hpp"

namespace millrace::bus::v1 {
class Event;
class PointerBatch;
class Reply;
class Request;
class Snapshot;
}  // namespace millrace::bus::v1

namespace millrace::bus {

// Bounds, each with its policy when it is reached.
struct NodeLimits {
  int high_water = 10000;  // events in flight to or from one peer; more are dropped, seen as a gap, healed
  int pointer_high_water = 1000;  // the same for pointers; these are only notifications
  // Events of this process waiting for the bus thread; more are dropped and healed.
  std::size_t queue = 20000;
  // Streams with a waiting pointer batch; further streams' batches are dropped.
  std::size_t pointer_streams = 4096;
  std::size_t facts = 65536;       // retained facts; further keys are sent but not retained
  std::size_t outstanding = 4096;  // own requests without an answer; more get "bus.overloaded"
  std::size_t in_service = 4096;   // others' requests without an answer; more get "bus.overloaded"
  std::size_t answers = 4096;      // remembered answers of idempotent commands; the oldest is forgotten
  std::chrono::milliseconds answer_memory{60'000};
  std::chrono::milliseconds heartbeat{1'000};       // silence after which a Heartbeat event is sent
  std::chrono::milliseconds lost_after{3'000};      // silence after which a peer counts as lost
  std::chrono::milliseconds release_after{60'000};  // absence after which a lost peer's facts end
  std::chrono::milliseconds connect_retry{1'000};   // after no descriptor could be had for a socket
  std::chrono::milliseconds snapshot_retry{500};    // until the answer to a snapshot request is there
  // Between two looks for addresses that changed.
  std::chrono::milliseconds resolve_interval{1'000};
};

struct NodeConfig {
  // One of services(); empty for a tool or test that only listens and asks: it binds nothing.
  std::string service;
  EndpointTable endpoints{};
  NodeLimits limits{};
  HostResolver resolve = resolve_host;
};

// The view of all instances of one service. Facts are events with a key, and belong to the instance that
// the snapshot or event names. For each instance: on_snapshot first, then the events that follow it without
// a gap. After a loss or a restart of the instance on_snapshot comes again, and replaces every fact of that
// instance. on_lost: the instance has been silent for lost_after, or never answered (then its name is
// empty); its facts may be old now. Once per loss, and it ends with on_snapshot. An instance that stays
// lost for release_after, or whose address is gone for lost_after, is let go: its snapshot is empty and
// without a boot id. Any of them may be empty.
struct EventHandler {
  std::function<void(const v1::Snapshot&)> on_snapshot{};
  std::function<void(const v1::Event&)> on_event{};
  std::function<void(const PeerName&)> on_lost{};
};

struct Statistics {
  std::uint64_t sent = 0;          // messages handed to a socket
  std::uint64_t received = 0;      // well-formed messages
  std::uint64_t gaps = 0;          // lost events noticed (each is followed by a snapshot)
  std::uint64_t snapshots = 0;     // snapshots applied
  std::uint64_t dropped = 0;       // at one of the bounds above, or to a peer that is gone
  std::uint64_t malformed = 0;     // frames that are no message of ours
  std::uint64_t deadlines = 0;     // requests, own or others', that ran out of time
  std::uint64_t overloaded = 0;    // requests refused at a bound
  std::uint64_t repeated = 0;      // commands answered from the memory of answers
  std::uint64_t unknown_keys = 0;  // peers refused, as their key is not listed
  std::uint64_t forbidden = 0;     // requests and events refused, as their sender may not make them
  std::uint64_t twins = 0;         // processes passed over, as another has their service and instance
};

// Answers one request. Copyable, any thread; the first call counts, further ones are ignored. When nobody
// calls it, "bus.deadline" is sent at the deadline; an answer after that still becomes the remembered one of
// its idempotency key.
class Responder {
 public:
  struct State;

  explicit Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}
  // id is filled in.
  void operator()(v1::Reply reply) const;
  void fail(const Error& error) const;
  // CLOCK_MONOTONIC: nobody waits for the answer after this.
  std::int64_t deadline_monotonic_us() const;

 private:
  std::shared_ptr<State> state_;
};

class Node {
 public:
  using RequestHandler = std::function<void(const v1::Request&, Responder)>;
  using PointerHandler = std::function<void(const v1::PointerBatch&)>;
  using ReplyHandler = std::function<void(Result<v1::Reply>)>;

  // "bus.keys": see keys.hpp. "bus.in_use": another process is this instance. "bus.directory", "bus.bind":
  // the message says what to change.
  static Result<std::unique_ptr<Node>> start(NodeConfig config);
  ~Node();  // stops
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Sends what is queued, for a quarter of a second at most, then ends the thread; outstanding requests get
  // "bus.stopped". No callback runs after it. Not from a callback.
  void stop();

  // Fills instance, boot, sequence and time. A key makes it a retained fact, retracted ends the fact.
  void publish(v1::Event event);
  // In this order; the bus thread is woken once.
  void publish(std::vector<v1::Event> events);
  // Batches of one stream that wait for the bus thread are merged: first of the first, newest of the rest.
  void notify(v1::PointerBatch batch);
  // Of many streams at once: the bus thread is woken once.
  void notify(std::vector<v1::PointerBatch> batches);

  // All instances of the service; call once per service.
  void subscribe(std::string_view service, EventHandler handler);
  void subscribe_pointers(std::string_view service, PointerHandler handler);

  // Everything but GetSnapshot, which the Node answers itself. Until it is called, requests get
  // "bus.not_serving".
  void serve(RequestHandler handler);

  // To any instance: the first of the configured order that is connected and not silent, also one that is
  // not in step yet when none is. Calls handler exactly once, on the bus thread: with the reply, or with
  // the error that the reply names, or with "bus.deadline", "bus.stopped". "bus.overloaded" and
  // "bus.unknown_service", and "bus.stopped" of a stopped node, come on the calling thread before request
  // returns. A request waits for a peer that is not there, until its deadline.
  void request(std::string_view service, v1::Request request, std::chrono::milliseconds timeout,
               ReplyHandler handler);
  // To this instance and no other. Besides: "bus.unknown_instance" when it has not been heard of, which
  // needs a subscription to its service.
  void request(const PeerName& instance, v1::Request request, std::chrono::milliseconds timeout,
               ReplyHandler handler);
  // The instances of a service that are subscribed to and not silent.
  [[nodiscard]] std::vector<std::string> instances(std::string_view service) const;

  Statistics statistics() const;
  // The same, usable after the node has gone.
  std::function<Statistics()> statistics_source() const;
  std::uint64_t boot_id() const;

 private:
  class Core;
  explicit Node(std::unique_ptr<Core> core);

  std::unique_ptr<Core> core_;
};

}  // namespace millrace::bus
