#include "bus/hub.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "bus/counted_warning.hpp"
#include "bus/frames.hpp"
#include "bus/rights.hpp"

namespace millrace::bus {
namespace {

// What is queued at the end gets this long.
constexpr int kFinalLingerMs = 250;
constexpr std::int64_t kMaxSleepUs = 60'000'000;
// What threw once may throw again at once.
constexpr std::chrono::milliseconds kPauseAfterException{10};
// After the start heartbeats are quick: subscribers that reconnect to a restarted process learn of its new
// boot at once.
constexpr std::int64_t kStartUs = 3'000'000;
constexpr std::int64_t kStartHeartbeatUs = 100'000;

v1::Reply error_reply(std::string_view code, std::string_view message) {
  v1::Reply reply;
  reply.set_error_code(std::string(code));
  reply.set_error_message(std::string(message));
  return reply;
}

bool is_allowed(Way way, const Frame& frame, const v1::Request& request) {
  const std::string& said = request.sender_service();
  if (way != Way::kKey) return may_ask(way, said, request.payload_case());
  return (said.empty() || said == frame.user) && may_ask(way, frame.user, request.payload_case());
}

}  // namespace

Hub::Hub(zmq::context_t& context, NodeConfig config, const Keys* keys, std::shared_ptr<Mailbox> mailbox,
         std::function<void(const std::string&)> follow)
    : context_(context),
      config_(std::move(config)),
      keys_(keys),
      mailbox_(mailbox),
      peers_(context, config_, keys, std::move(mailbox), std::move(follow)),
      calls_({config_.limits.in_service, config_.limits.answers, to_us(config_.limits.answer_memory)}) {}

Result<void> Hub::bind() {
  if (config_.service.empty()) return {};
  const Result<std::vector<Address>> own = bind_addresses(config_.endpoints, config_.service);
  if (!own) return tl::unexpected(own.error());
  const NodeLimits& limits = config_.limits;
  events_.emplace(context_, Socket::Kind::kPublisher, limits.high_water);
  commands_.emplace(context_, limits.high_water, keys_ != nullptr ? &keys_->own : nullptr);
  pointers_.emplace(context_, Socket::Kind::kPublisher, limits.pointer_high_water);
  if (keys_ != nullptr) gatekeeper_.emplace(context_, *keys_, mailbox_->counters);
  for (const Address& address : *own) {
    const Endpoints at = endpoints_of(address);
    const KeyPair* const keys =
        keys_ != nullptr && address.kind == Address::Kind::kTcp ? &keys_->own : nullptr;
    if (Result<void> bound = events_->bind(at.events, keys); !bound) return bound;
    if (Result<void> bound = commands_->bind(address); !bound) return bound;
    if (Result<void> bound = pointers_->bind(at.pointers, keys); !bound) return bound;
  }
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
  if (gatekeeper_) gatekeeper_->serve();
  if (commands_) read_requests();
  peers_.serve();
  expire(monotonic_us());
}

void Hub::poll(std::int64_t now_us) {
  std::vector<zmq::pollitem_t> items;
  items.push_back({nullptr, mailbox_->wake_fd(), ZMQ_POLLIN, 0});
  if (gatekeeper_) items.push_back({gatekeeper_->handle(), 0, ZMQ_POLLIN, 0});
  if (commands_) commands_->add_to(items);
  peers_.add_to(items);
  const std::int64_t wait_us = std::clamp<std::int64_t>(next_due_us() - now_us, 0, kMaxSleepUs);
  try {
    zmq::poll(items, std::chrono::milliseconds((wait_us + 999) / 1000));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
  }
}

std::int64_t Hub::next_due_us() const {
  std::int64_t due = std::min(peers_.next_due_us(), calls_.next_due_us());
  if (events_) due = std::min(due, next_beat_us());
  return due;
}

void Hub::take_mail(Mail mail) {
  if (mail.server) server_ = std::move(*mail.server);
  for (auto& [service, handler] : mail.subscriptions) peers_.subscribe(service, std::move(handler));
  for (auto& [service, handler] : mail.pointer_subscriptions)
    peers_.subscribe_pointers(service, std::move(handler));
  for (const auto& [service, addresses] : mail.addresses) peers_.move(service, addresses);
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
  for (OutstandingRequest& request : mail.requests) peers_.request(std::move(request));
  stopping_ = stopping_ || mail.stop;
}

void Hub::finish() {
  take_mail(mailbox_->close());
  if (commands_) commands_->set_linger(kFinalLingerMs);
  commands_.reset();
  for (std::optional<Socket>* socket : {&events_, &pointers_}) {
    if (*socket) (*socket)->set_linger(kFinalLingerMs);
    socket->reset();
  }
  gatekeeper_.reset();
  remove_sockets();
  peers_.stop();
  server_ = nullptr;
}

void Hub::publish(std::optional<Socket>& socket, std::string_view bytes) {
  if (!socket) return;
  auto& counter = socket->send(bytes) ? mailbox_->counters.sent : mailbox_->counters.dropped;
  counter.fetch_add(1, std::memory_order_relaxed);
}

void Hub::read_requests() {
  commands_->read([this](Way way, const Frame& frame) {
    v1::Request request;
    if (parse(frame, request, mailbox_->counters)) on_request(way, frame, request);
  });
}

void Hub::on_request(Way way, const Frame& frame, const v1::Request& request) {
  const std::string& from = frame.peer;
  if (request.has_get_snapshot()) {
    v1::Reply answer;
    answer.set_id(request.id());
    mailbox_->snapshot(*answer.mutable_snapshot());
    reply(from, answer);
    return;
  }
  if (request.payload_case() == v1::Request::PAYLOAD_NOT_SET) {
    warn_and_count(mailbox_->counters.malformed, "bus request without payload");
    return refuse(from, request.id(), "bus.malformed");
  }
  if (!is_allowed(way, frame, request)) {
    warn_and_count(mailbox_->counters.forbidden, "bus request that its sender may not make",
                   log::Field("service", way == Way::kKey ? frame.user : request.sender_service()),
                   log::Field("payload", static_cast<int>(request.payload_case())));
    return refuse(from, request.id(), "bus.forbidden");
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
      warn_and_count(mailbox_->counters.overloaded, "bus service overloaded");
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

void Hub::expire(std::int64_t now_us) {
  while (const std::optional<OutgoingReply> late = calls_.take_due(now_us)) {
    mailbox_->counters.deadlines.fetch_add(1, std::memory_order_relaxed);
    reply(late->peer, late->reply);
  }
  peers_.expire(now_us);
  beat(now_us);
}

// libzmq leaves them; who looks for instances goes by them. Ours alone: the lock is still held.
void Hub::remove_sockets() const {
  if (config_.service.empty()) return;
  const Result<Address> own =
      ipc_address(config_.endpoints.directory, {config_.service, config_.endpoints.instance});
  if (!own) return;
  for (const char* suffix : {".events", ".commands", ".pointers"}) ::unlink((own->host + suffix).c_str());
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

}  // namespace millrace::bus
