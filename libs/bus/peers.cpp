#include "bus/peers.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/survive.hpp"
#include "bus/counted_warning.hpp"
#include "bus/frames.hpp"
#include "bus/rights.hpp"

namespace millrace::bus {
namespace {

// Whatever its events say, they are of the instance that the snapshot names; of a process that knows of no
// instances that is the default one.
void name_instances(v1::Snapshot& snapshot) {
  if (snapshot.instance().empty()) snapshot.set_instance(std::string(kDefaultInstance));
  for (v1::Event& event : *snapshot.mutable_events()) {
    event.set_service(snapshot.service());
    event.set_instance(snapshot.instance());
  }
}

}  // namespace

Peers::Peers(zmq::context_t& context, const NodeConfig& config, const Keys* keys,
             std::shared_ptr<Mailbox> mailbox, std::function<void(const std::string&)> follow)
    : config_(config),
      linker_(context, config.limits, keys),
      mailbox_(std::move(mailbox)),
      follow_(std::move(follow)) {}

Peers::Service* Peers::service(const std::string& name) {
  const auto known = services_.find(name);
  if (known != services_.end()) return &known->second;
  const auto list = config_.endpoints.peers.find(name);
  if (list == config_.endpoints.peers.end()) return nullptr;
  services_[name].name = name;
  // What needs no name server is there at once.
  move(name, expand(list->second, config_.endpoints.directory, name, nullptr));
  follow_(name);
  return &services_[name];
}

void Peers::subscribe(const std::string& name, EventHandler handler) {
  Service* const to = service(name);
  if (to == nullptr || to->handler) return log::error("bus subscription refused", {{"service", name}});
  to->handler = std::move(handler);
  for (const LinkPtr& link : to->links) open(*to, *link);
}

void Peers::subscribe_pointers(const std::string& name, Node::PointerHandler handler) {
  Service* const to = service(name);
  if (to == nullptr || to->on_pointers)
    return log::error("bus pointer subscription refused", {{"service", name}});
  to->on_pointers = std::move(handler);
  for (const LinkPtr& link : to->links) open(*to, *link);
}

void Peers::move(const std::string& name, const std::vector<Address>& addresses) {
  Service& moved = services_.at(name);
  std::vector<LinkPtr> links;
  for (const Address& address : addresses) {
    const auto known = std::find_if(moved.links.begin(), moved.links.end(),
                                    [&](const LinkPtr& link) { return link && link->address == address; });
    if (known != moved.links.end()) {
      links.push_back(std::exchange(*known, nullptr));
    } else {
      links.push_back(std::make_shared<Link>(Link{.address = address}));
      open(moved, *links.back());
    }
  }
  for (const LinkPtr& gone : moved.links) {
    if (gone) leave(moved, *gone);
  }
  moved.links = std::move(links);
}

void Peers::open(Service& to, Link& link) {
  const bool listens = link.shadows.empty();
  linker_.open(to.name, link,
               {.events = listens && to.handler,
                .commands = to.handler || to.asked,
                .pointers = listens && to.on_pointers},
               monotonic_us());
  // Whatever else could not be had: events that come have somewhere to go.
  if (!link.events || link.subscription) return;
  const NodeLimits& limits = config_.limits;
  const auto waiting = static_cast<std::size_t>(limits.high_water) * 2;
  link.subscription.emplace(
      Subscription::Config{to.name, to_us(limits.lost_after), to_us(limits.snapshot_retry), waiting},
      handler_of(to), monotonic_us());
}

EventHandler Peers::handler_of(Service& to) {
  return {.on_snapshot =
              [this, &to](const v1::Snapshot& snapshot) {
                withdrawals_.heard({to.name, snapshot.instance()});
                mailbox_->set_present({to.name, snapshot.instance()}, true);
                if (to.handler->on_snapshot) to.handler->on_snapshot(snapshot);
              },
          .on_event =
              [&to](const v1::Event& event) {
                if (to.handler->on_event) to.handler->on_event(event);
              },
          .on_lost =
              [this, &to](const PeerName& name) {
                mailbox_->set_present(name, false);
                if (!name.instance.empty())
                  withdrawals_.lost(name, monotonic_us() + to_us(config_.limits.release_after));
                if (to.handler->on_lost) to.handler->on_lost(name);
              }};
}

// --- snapshots ---

void Peers::ask_for_snapshot(Service& of, const LinkPtr& link) {
  OutstandingRequest ask;
  ask.service = of.name;
  ask.request.set_id(random_u64());
  ask.request.mutable_get_snapshot();
  // Longer than until the next one is sent: a slow answer is as good as a new one.
  ask.deadline_us = monotonic_us() + 4 * to_us(config_.limits.snapshot_retry);
  ask.handler = [this, &of, weak = std::weak_ptr(link)](Result<v1::Reply> reply) {
    const LinkPtr asked = weak.lock();
    if (!reply || !asked || !asked->subscription) return;
    if (!reply->has_snapshot()) return warn_and_count(mailbox_->counters.malformed, "bus snapshot malformed");
    v1::Snapshot& snapshot = *reply->mutable_snapshot();
    name_instances(snapshot);
    auto& events = *snapshot.mutable_events();
    events.erase(
        std::remove_if(events.begin(), events.end(), [&](v1::Event& event) { return silence(of, event); }),
        events.end());
    receive_snapshot(of, *asked, snapshot);
  };
  link->unsent.push_back(ask.request.id());
  outstanding_.add(std::move(ask));
}

void Peers::receive_snapshot(Service& of, Link& link, const v1::Snapshot& snapshot) {
  const Link* const other = snapshot.service() == of.name ? in_step(of, snapshot.instance(), &link) : nullptr;
  if (other != nullptr) {
    // The same instance at a second address, such as IPv4 and IPv6 of one host: one of them is enough. Of two
    // processes that have one name the first is heard.
    if (other->subscription->boot_id() != snapshot.boot_id()) {
      warn_and_count(mailbox_->counters.twins, "bus instances with the same name (BUS_INSTANCE)",
                     log::Field("instance", to_string(PeerName{of.name, snapshot.instance()})),
                     log::Field("address", to_string(link.address)));
    }
    leave(of, link);
    link.shadows = snapshot.instance();
    link.events.reset();
    link.pointers.reset();
    link.subscription.reset();
  } else if (!link.subscription->receive(snapshot, monotonic_us())) {
    warn_and_count(mailbox_->counters.malformed, "bus snapshot malformed");
  }
}

// --- instances whose address changes, or that have two ---

const Link* Peers::in_step(const Service& of, const std::string& instance, const Link* besides) {
  const auto found = std::find_if(of.links.begin(), of.links.end(), [&](const LinkPtr& link) {
    return link && link.get() != besides && link->subscription &&
           link->subscription->instance() == instance && link->subscription->in_step();
  });
  return found == of.links.end() ? nullptr : found->get();
}

void Peers::leave(const Service& of, const Link& link) {
  if (!link.subscription) return;
  past_gaps_ += link.subscription->gaps();
  past_snapshots_ += link.subscription->snapshots();
  if (link.subscription->instance().empty()) return;
  withdrawals_.gone({of.name, link.subscription->instance()}, link.subscription->lost(),
                    monotonic_us() + to_us(config_.limits.lost_after));
}

void Peers::withdraw(std::int64_t now_us) {
  while (const std::optional<Withdrawals::Withdrawal> gone = withdrawals_.take_due(now_us)) {
    const Service& of = services_.at(gone->name.service);
    if (in_step(of, gone->name.instance, nullptr) != nullptr) continue;
    mailbox_->set_present(gone->name, false);
    (void)survives("bus lost handler", [&] {
      if (!gone->reported_lost && of.handler->on_lost) of.handler->on_lost(gone->name);
    });
    v1::Snapshot nothing;
    nothing.set_service(gone->name.service);
    nothing.set_instance(gone->name.instance);
    (void)survives("bus snapshot handler", [&] {
      if (of.handler->on_snapshot) of.handler->on_snapshot(nothing);
    });
  }
}

void Peers::revive(Service& of) {
  for (const LinkPtr& link : of.links) {
    if (link->shadows.empty() || in_step(of, link->shadows, link.get()) != nullptr) continue;
    link->shadows.clear();
    open(of, *link);
  }
}

// --- the turn of the bus thread ---

void Peers::add_to(std::vector<zmq::pollitem_t>& items) {
  for (auto& [name, service] : services_) {
    std::vector<Link*> asked;
    for (const auto& [instance, ids] : service.unsent) {
      for (Link* const link : to_ask(service, instance)) asked.push_back(link);
    }
    for (const LinkPtr& link : service.links) {
      if (link->events) items.push_back({link->events->handle(), 0, ZMQ_POLLIN, 0});
      if (link->pointers) items.push_back({link->pointers->handle(), 0, ZMQ_POLLIN, 0});
      const bool sends =
          !link->unsent.empty() || std::find(asked.begin(), asked.end(), link.get()) != asked.end();
      const int wanted = sends ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
      if (link->commands) items.push_back({link->commands->handle(), 0, static_cast<short>(wanted), 0});
    }
  }
}

std::int64_t Peers::next_due_us() const {
  std::int64_t due = std::min(outstanding_.next_due_us(), withdrawals_.next_due_us());
  for (const auto& [name, service] : services_) {
    for (const LinkPtr& link : service.links) {
      due = std::min(due, linker_.next_due_us(name, *link));
      if (link->subscription) due = std::min(due, link->subscription->next_due_us());
    }
  }
  return due;
}

void Peers::serve() {
  for (auto& [name, service] : services_) {
    send(service);
    for (const LinkPtr& link : service.links) {
      if (link->events) read_events(service, *link);
      if (link->commands) read_replies(*link);
      if (link->pointers) read_pointers(service, *link);
    }
  }
}

void Peers::read_events(const Service& of, Link& link) {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = link.events->receive();
    if (!frame) return;
    v1::Event event;
    if (!parse(*frame, event, mailbox_->counters)) continue;
    if (event.instance().empty()) event.set_instance(std::string(kDefaultInstance));
    silence(of, event);
    (void)survives("bus event handler", [&] {
      if (!link.subscription->receive(std::move(event), monotonic_us())) {
        warn_and_count(mailbox_->counters.malformed, "bus event of another service or instance");
      }
    });
  }
}

// What is not its sender's to say is taken out; its number stays, so that it is no loss.
bool Peers::silence(const Service& of, v1::Event& event) const {
  if (may_say(of.name, event.payload_case())) return false;
  warn_and_count(mailbox_->counters.forbidden, "bus event that its sender may not publish",
                 log::Field("service", of.name),
                 log::Field("payload", static_cast<int>(event.payload_case())));
  event.clear_payload();
  event.clear_key();
  return true;
}

void Peers::read_pointers(const Service& of, Link& link) {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = link.pointers->receive();
    if (!frame) return;
    v1::PointerBatch batch;
    if (parse(*frame, batch, mailbox_->counters))
      (void)survives("bus pointers handler", [&] { of.on_pointers(batch); });
  }
}

void Peers::expire(std::int64_t now_us) {
  while (std::optional<OutstandingRequest> request = outstanding_.take_due(now_us)) {
    if (!request->request.has_get_snapshot())
      mailbox_->counters.deadlines.fetch_add(1, std::memory_order_relaxed);
    Error late{"bus.deadline", "no answer from " + request->service + " in time"};
    end(*std::move(request), tl::unexpected<Error>(std::move(late)));
  }
  withdraw(now_us);
  for (auto& [name, service] : services_) {
    for (const LinkPtr& link : service.links) {
      if (linker_.change_key(name, *link, now_us) || now_us >= link->open_again_us) open(service, *link);
      forget_expired(link->unsent);
      if (!link->subscription) continue;
      (void)survives("bus lost handler", [&] { link->subscription->tick(now_us); });
      if (link->subscription->wants_snapshot(now_us)) ask_for_snapshot(service, link);
    }
    revive(service);
    for (auto& [instance, ids] : service.unsent) forget_expired(ids);
    send(service);
  }
  count_subscriptions();
}

void Peers::count_subscriptions() {
  std::uint64_t gaps = past_gaps_;
  std::uint64_t snapshots = past_snapshots_;
  for (const auto& [name, service] : services_) {
    for (const LinkPtr& link : service.links) {
      if (!link->subscription) continue;
      gaps += link->subscription->gaps();
      snapshots += link->subscription->snapshots();
    }
  }
  mailbox_->counters.gaps.store(gaps, std::memory_order_relaxed);
  mailbox_->counters.snapshots.store(snapshots, std::memory_order_relaxed);
}

void Peers::stop() {
  for (OutstandingRequest& request : outstanding_.take_all())
    end(std::move(request), fail("bus.stopped", "the bus node was stopped"));
  services_.clear();
}

}  // namespace millrace::bus
