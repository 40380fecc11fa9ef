#include "bus/hub.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/survive.hpp"
#include "bus/trouble.hpp"

namespace millrace::bus {
namespace {

// Messages taken from one socket before the others have their turn.
constexpr int kBurst = 256;
// What is queued at the end gets this long.
constexpr int kFinalLingerMs = 250;
constexpr std::int64_t kMaxSleepUs = 60'000'000;
// What threw once may throw again at once.
constexpr std::chrono::milliseconds kPauseAfterException{10};
// After the start heartbeats are quick: subscribers that reconnect to a restarted process learn of its new
// boot at once.
constexpr std::int64_t kStartUs = 3'000'000;
constexpr std::int64_t kStartHeartbeatUs = 100'000;

std::int64_t to_us(std::chrono::milliseconds time) {
  return time.count() * 1000;
}

bool is_local(const std::string& address) {
  return address.starts_with("ipc://");
}

v1::Reply error_reply(std::string_view code, std::string_view message) {
  v1::Reply reply;
  reply.set_error_code(std::string(code));
  reply.set_error_message(std::string(message));
  return reply;
}

// Codes of Error have static storage; a reply's code is the peer's text. The known ones are few, the rest is
// kept once each, up to a bound.
std::string_view intern_code(const std::string& code) {
  constexpr std::size_t kMaxCodes = 256;
  static std::mutex mutex;
  static std::set<std::string>& codes = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  const auto known = codes.find(code);
  if (known != codes.end()) return *known;
  if (codes.size() >= kMaxCodes || code.size() > 128) return "bus.peer_error";
  return *codes.insert(code).first;
}

}  // namespace

Hub::Hub(zmq::context_t& context, NodeConfig config, std::shared_ptr<Mailbox> mailbox)
    : context_(context),
      config_(std::move(config)),
      mailbox_(std::move(mailbox)),
      calls_({config_.limits.in_service, config_.limits.answers, to_us(config_.limits.answer_memory)}) {}

Result<void> Hub::bind() {
  if (config_.instance.empty()) return {};
  const Result<Endpoints> own = bind_endpoints(config_.endpoints, config_.instance);
  if (!own) return tl::unexpected(own.error());
  const NodeLimits& limits = config_.limits;
  Result<Socket> events = Socket::bind(context_, Socket::Kind::kPublisher, limits.high_water, own->events);
  if (!events) return tl::unexpected(events.error());
  Result<Socket> commands = Socket::bind(context_, Socket::Kind::kRouter, limits.high_water, own->commands);
  if (!commands) return tl::unexpected(commands.error());
  Result<Socket> pointers =
      Socket::bind(context_, Socket::Kind::kPublisher, limits.pointer_high_water, own->pointers);
  if (!pointers) return tl::unexpected(pointers.error());
  events_.emplace(*std::move(events));
  commands_.emplace(*std::move(commands));
  pointers_.emplace(*std::move(pointers));
  return {};
}

void Hub::run() {
  started_us_ = monotonic_us();
  while (!stopping_) {
    if (!survives("bus", [this] { turn(); })) std::this_thread::sleep_for(kPauseAfterException);
  }
  finish();
}

void Hub::turn() {
  poll(monotonic_us());
  take_mail(mailbox_->take());
  if (commands_) read_requests();
  for (auto& [service, peer] : peers_) {
    if (peer.events) read_events(peer);
    if (peer.commands) read_replies(peer);
    if (peer.pointers) read_pointers(peer);
  }
  expire(monotonic_us());
}

void Hub::poll(std::int64_t now_us) {
  std::vector<zmq::pollitem_t> items;
  items.push_back({nullptr, mailbox_->wake_fd(), ZMQ_POLLIN, 0});
  if (commands_) items.push_back({commands_->handle(), 0, ZMQ_POLLIN, 0});
  for (auto& [service, peer] : peers_) {
    if (peer.events) items.push_back({peer.events->handle(), 0, ZMQ_POLLIN, 0});
    if (peer.pointers) items.push_back({peer.pointers->handle(), 0, ZMQ_POLLIN, 0});
    const int wanted = peer.unsent.empty() ? ZMQ_POLLIN : ZMQ_POLLIN | ZMQ_POLLOUT;
    if (peer.commands) items.push_back({peer.commands->handle(), 0, static_cast<short>(wanted), 0});
  }
  const std::int64_t wait_us = std::clamp<std::int64_t>(next_due_us() - now_us, 0, kMaxSleepUs);
  try {
    zmq::poll(items, std::chrono::milliseconds((wait_us + 999) / 1000));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

std::int64_t Hub::next_due_us() const {
  std::int64_t due = std::min(outstanding_.next_due_us(), calls_.next_due_us());
  if (events_) due = std::min(due, next_beat_us());
  for (const auto& [service, peer] : peers_) {
    if (peer.subscription) due = std::min(due, peer.subscription->next_due_us());
  }
  return due;
}

void Hub::take_mail(Mail mail) {
  if (mail.server) server_ = std::move(*mail.server);
  for (auto& [service, handler] : mail.subscriptions) add_subscription(service, std::move(handler));
  for (auto& [service, handler] : mail.pointer_subscriptions)
    add_pointer_subscription(service, std::move(handler));
  for (const std::string& event : mail.events) publish(events_, event);
  for (const auto& [stream, batch] : mail.pointers) publish(pointers_, batch.SerializeAsString());
  for (const CallAnswer& answer : mail.answers) {
    if (!answer.reply) {
      calls_.abandon(answer.call);
      continue;
    }
    for (const OutgoingReply& outgoing : calls_.answer(answer.call, *answer.reply))
      reply(outgoing.peer, outgoing.reply);
  }
  for (OutstandingRequest& request : mail.requests) add_request(std::move(request));
  for (auto& [service, peer] : peers_) send_requests(peer);
  stopping_ = stopping_ || mail.stop;
}

void Hub::finish() {
  take_mail(mailbox_->close());
  for (OutstandingRequest& request : outstanding_.take_all()) {
    end_request(std::move(request), fail("bus.stopped", "the bus node was stopped"));
  }
  for (std::optional<Socket>* socket : {&events_, &commands_, &pointers_}) {
    if (*socket) (*socket)->set_linger(kFinalLingerMs);
    socket->reset();
  }
  peers_.clear();
  server_ = nullptr;
}

Hub::Peer* Hub::peer(const std::string& service) {
  const auto known = peers_.find(service);
  if (known != peers_.end()) return &known->second;
  const auto endpoints = config_.endpoints.peers.find(service);
  if (endpoints == config_.endpoints.peers.end()) return nullptr;
  Peer& added = peers_[service];
  added.service = service;
  added.endpoints = endpoints->second;
  return &added;
}

Socket* Hub::connect(std::optional<Socket>& socket, Socket::Kind kind, int high_water,
                     const std::string& address) {
  if (socket) return &*socket;
  Result<Socket> made = Socket::connect(context_, kind, high_water, address);
  if (!made) {
    log::error("bus connect failed", {{"address", address}, {"error", made.error().message}});
    return nullptr;
  }
  socket.emplace(*std::move(made));
  return &*socket;
}

void Hub::add_subscription(const std::string& service, EventHandler handler) {
  Peer* to = peer(service);
  if (to == nullptr || to->subscription) {
    log::error("bus subscription refused", {{"service", service}});
    return;
  }
  const NodeLimits& limits = config_.limits;
  const auto waiting = static_cast<std::size_t>(limits.high_water) * 2;
  to->subscription.emplace(
      Subscription::Config{service, to_us(limits.lost_after), to_us(limits.snapshot_retry), waiting},
      std::move(handler), monotonic_us());
  connect(to->events, Socket::Kind::kSubscriber, limits.high_water, to->endpoints.events);
}

void Hub::add_pointer_subscription(const std::string& service, Node::PointerHandler handler) {
  Peer* to = peer(service);
  if (to == nullptr || to->pointers) {
    log::error("bus pointer subscription refused", {{"service", service}});
    return;
  }
  to->on_pointers = std::move(handler);
  connect(to->pointers, Socket::Kind::kSubscriber, config_.limits.pointer_high_water, to->endpoints.pointers);
}

void Hub::add_request(OutstandingRequest request) {
  Peer* to = peer(request.service);
  const std::uint64_t id = request.request.id();
  outstanding_.add(std::move(request));
  if (to == nullptr) return;  // Node::request has refused unknown services
  connect(to->commands, Socket::Kind::kDealer, config_.limits.high_water, to->endpoints.commands);
  to->unsent.push_back(id);
}

void Hub::send_requests(Peer& to) {
  while (!to.unsent.empty() && to.commands) {
    const OutstandingRequest* request = outstanding_.find(to.unsent.front());
    if (request != nullptr) {
      v1::Request message = request->request;
      message.set_timeout_us(std::max<std::int64_t>(1, request->deadline_us - monotonic_us()));
      if (is_local(to.endpoints.commands)) message.set_deadline_monotonic_us(request->deadline_us);
      if (!to.commands->send(message.SerializeAsString())) return;
      mailbox_->counters.sent.fetch_add(1, std::memory_order_relaxed);
    }
    to.unsent.pop_front();
  }
}

void Hub::ask_for_snapshot(Peer& to) {
  OutstandingRequest ask;
  ask.service = to.service;
  ask.request.set_id(random_u64());
  ask.request.mutable_get_snapshot();
  // Longer than until the next one is sent: a slow answer is as good as a new one.
  ask.deadline_us = monotonic_us() + 4 * to_us(config_.limits.snapshot_retry);
  Subscription* subscription = &*to.subscription;
  ask.handler = [this, subscription](const Result<v1::Reply>& reply) {
    if (!reply) return;
    if (!reply->has_snapshot() || !subscription->receive(reply->snapshot(), monotonic_us())) {
      report_trouble(mailbox_->counters.malformed, "bus snapshot malformed");
    }
  };
  add_request(std::move(ask));
}

void Hub::end_request(OutstandingRequest request, Result<v1::Reply> result) {
  // Snapshot requests are the hub's own: they never took a place among the users' requests.
  if (!request.request.has_get_snapshot()) mailbox_->request_done();
  (void)survives("bus reply handler", [&] { request.handler(std::move(result)); });
}

template <class Message>
bool Hub::parse(const Frame& frame, Message& message) {
  const bool good =
      frame.well_formed && message.ParseFromArray(frame.body.data(), static_cast<int>(frame.body.size()));
  if (good) {
    mailbox_->counters.received.fetch_add(1, std::memory_order_relaxed);
  } else {
    report_trouble(mailbox_->counters.malformed, "bus message malformed");
  }
  return good;
}

void Hub::publish(std::optional<Socket>& socket, std::string_view bytes) {
  if (!socket) return;
  auto& counter = socket->send(bytes) ? mailbox_->counters.sent : mailbox_->counters.dropped;
  counter.fetch_add(1, std::memory_order_relaxed);
}

void Hub::read_requests() {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = commands_->receive();
    if (!frame) return;
    v1::Request request;
    if (parse(*frame, request)) on_request(frame->peer, request);
  }
}

void Hub::on_request(const std::string& from, const v1::Request& request) {
  if (request.has_get_snapshot()) {
    v1::Reply answer;
    answer.set_id(request.id());
    mailbox_->snapshot(*answer.mutable_snapshot());
    reply(from, answer);
    return;
  }
  if (request.payload_case() == v1::Request::PAYLOAD_NOT_SET) {
    report_trouble(mailbox_->counters.malformed, "bus request without payload");
    return refuse(from, request.id(), "bus.malformed");
  }
  if (!server_) return refuse(from, request.id(), "bus.not_serving");
  const std::int64_t now_us = monotonic_us();
  const std::int64_t remaining_us = std::clamp<std::int64_t>(request.timeout_us(), 0, kMaxSleepUs);
  std::int64_t deadline_us = now_us + remaining_us;
  if (request.deadline_monotonic_us() != 0)
    deadline_us = std::min(deadline_us, request.deadline_monotonic_us());
  CallTable::Admitted admitted = calls_.admit(from, request, deadline_us, now_us);
  switch (admitted.admission) {
    case CallTable::Admission::kRun:
      return run_call(admitted.call, deadline_us, request);
    case CallTable::Admission::kJoined:
      break;
    case CallTable::Admission::kAnswered:
      mailbox_->counters.repeated.fetch_add(1, std::memory_order_relaxed);
      return reply(from, admitted.reply);
    case CallTable::Admission::kOverloaded:
      report_trouble(mailbox_->counters.overloaded, "bus service overloaded");
      return refuse(from, request.id(), "bus.overloaded");
    case CallTable::Admission::kExpired:
      mailbox_->counters.deadlines.fetch_add(1, std::memory_order_relaxed);
      return refuse(from, request.id(), "bus.deadline");
    case CallTable::Admission::kBadKey:
      return refuse(from, request.id(), "bus.idempotency_key");
  }
}

void Hub::run_call(std::uint64_t call, std::int64_t deadline_us, const v1::Request& request) {
  const Responder responder(std::make_shared<Responder::State>(mailbox_, call, deadline_us));
  (void)survives("bus request handler", [&] { server_(request, responder); });
}

void Hub::reply(const std::string& to, const v1::Reply& reply) {
  const bool sent = commands_ && commands_->send_to(to, reply.SerializeAsString());
  (sent ? mailbox_->counters.sent : mailbox_->counters.dropped).fetch_add(1, std::memory_order_relaxed);
}

void Hub::refuse(const std::string& to, std::uint64_t id, const char* code) {
  v1::Reply refusal = error_reply(code, "");
  refusal.set_id(id);
  reply(to, refusal);
}

void Hub::read_events(Peer& from) {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = from.events->receive();
    if (!frame) return;
    v1::Event event;
    if (!parse(*frame, event)) continue;
    (void)survives("bus event handler", [&] {
      if (!from.subscription->receive(std::move(event), monotonic_us())) {
        report_trouble(mailbox_->counters.malformed, "bus event of another instance");
      }
    });
  }
}

void Hub::read_replies(Peer& from) {
  send_requests(from);
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = from.commands->receive();
    if (!frame) return;
    v1::Reply reply;
    if (!parse(*frame, reply)) continue;
    std::optional<OutstandingRequest> request = outstanding_.take(reply.id());
    if (!request) continue;  // after its deadline
    if (reply.error_code().empty()) {
      end_request(*std::move(request), std::move(reply));
    } else {
      end_request(*std::move(request), fail(intern_code(reply.error_code()), reply.error_message()));
    }
  }
}

void Hub::read_pointers(Peer& from) {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = from.pointers->receive();
    if (!frame) return;
    v1::PointerBatch batch;
    if (parse(*frame, batch)) (void)survives("bus pointers handler", [&] { from.on_pointers(batch); });
  }
}

void Hub::expire(std::int64_t now_us) {
  while (std::optional<OutstandingRequest> request = outstanding_.take_due(now_us)) {
    if (!request->request.has_get_snapshot())
      mailbox_->counters.deadlines.fetch_add(1, std::memory_order_relaxed);
    Error late{"bus.deadline", "no answer from " + request->service + " in time"};
    end_request(*std::move(request), tl::unexpected<Error>(std::move(late)));
  }
  while (const std::optional<OutgoingReply> late = calls_.take_due(now_us)) {
    mailbox_->counters.deadlines.fetch_add(1, std::memory_order_relaxed);
    reply(late->peer, late->reply);
  }
  for (auto& entry : peers_) {
    Peer& peer = entry.second;
    if (peer.subscription) {
      (void)survives("bus lost handler", [&] { peer.subscription->tick(now_us); });
      if (peer.subscription->wants_snapshot(now_us)) ask_for_snapshot(peer);
    }
    // Requests expire while they wait for a connection: the queue must not grow with them.
    while (!peer.unsent.empty() && outstanding_.find(peer.unsent.front()) == nullptr) peer.unsent.pop_front();
    send_requests(peer);
  }
  count_subscriptions();
  beat(now_us);
}

std::int64_t Hub::next_beat_us() const {
  const std::int64_t last_us = mailbox_->last_publish_us();
  const std::int64_t silence_us = to_us(config_.limits.heartbeat);
  return last_us + (last_us < started_us_ + kStartUs ? std::min(silence_us, kStartHeartbeatUs) : silence_us);
}

void Hub::beat(std::int64_t now_us) {
  if (!events_ || now_us < next_beat_us()) return;
  v1::Event beat;
  beat.mutable_heartbeat();
  mailbox_->publish(std::move(beat));
}

void Hub::count_subscriptions() {
  std::uint64_t gaps = 0;
  std::uint64_t snapshots = 0;
  for (const auto& [service, peer] : peers_) {
    if (!peer.subscription) continue;
    gaps += peer.subscription->gaps();
    snapshots += peer.subscription->snapshots();
  }
  mailbox_->counters.gaps.store(gaps, std::memory_order_relaxed);
  mailbox_->counters.snapshots.store(snapshots, std::memory_order_relaxed);
}

}  // namespace millrace::bus
