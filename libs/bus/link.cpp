#include "bus/link.hpp"

#include <algorithm>
#include <vector>

#include "base/log.hpp"
#include "bus/frames.hpp"
#include "bus/outstanding.hpp"

namespace millrace::bus {

void Linker::open(const std::string& service, Link& link, Wanted wanted, std::int64_t now_us) const {
  const Endpoints at = endpoints_of(link.address);
  std::optional<Socket::Curve> curve;
  if (!find_key(service, link, curve)) return;
  // Events before commands: what happens after the snapshot then comes as an event.
  if (wanted.events) connect(link.events, Socket::Kind::kSubscriber, limits_.high_water, at.events, curve);
  if (wanted.pointers)
    connect(link.pointers, Socket::Kind::kSubscriber, limits_.pointer_high_water, at.pointers, curve);
  if (wanted.commands) connect(link.commands, Socket::Kind::kDealer, limits_.high_water, at.commands, curve);
  const bool complete = (link.events || !wanted.events) && (link.pointers || !wanted.pointers) &&
                        (link.commands || !wanted.commands);
  link.open_again_us = complete ? kNever : now_us + to_us(limits_.connect_retry);
}

void Linker::connect(std::optional<Socket>& socket, Socket::Kind kind, int high_water,
                     const std::string& address, const std::optional<Socket::Curve>& curve) const {
  if (socket) return;
  Result<Socket> made = Socket::connect(context_, kind, high_water, address, curve);
  if (made) {
    socket.emplace(*std::move(made));
  } else {
    log::error("bus connect failed", {{"address", address}, {"error", made.error().message}});
  }
}

bool Linker::find_key(const std::string& service, const Link& link,
                      std::optional<Socket::Curve>& curve) const {
  if (keys_ == nullptr || link.address.kind != Address::Kind::kTcp) return true;
  const std::vector<std::string> keys = keys_->of(service);
  if (keys.empty()) {
    log::error("no key of a bus peer in peers (BUS_KEYS)", {{"service", service}});
    return false;
  }
  curve.emplace(Socket::Curve{keys_->own, keys[link.key % keys.size()]});
  return true;
}

std::int64_t Linker::next_due_us(const std::string& service, const Link& link) const {
  const bool has_key = keys_ != nullptr && link.address.kind == Address::Kind::kTcp;
  const bool changes = has_key && keys_->of(service).size() > 1;
  return std::min(link.open_again_us, changes ? link.change_key_us : kNever);
}

// While a service's key is being replaced it has two, and either may be in use.
bool Linker::change_key(const std::string& service, Link& link, std::int64_t now_us) const {
  if (keys_ == nullptr || link.address.kind != Address::Kind::kTcp || now_us < link.change_key_us)
    return false;
  const bool first = link.change_key_us == 0;
  link.change_key_us = now_us + to_us(limits_.lost_after);
  const bool works = link.subscription ? link.subscription->in_step() : link.answered;
  if (first || works || keys_->of(service).size() < 2) return false;
  ++link.key;
  link.answered = false;
  for (std::optional<Socket>* socket : {&link.events, &link.commands, &link.pointers}) socket->reset();
  return true;
}

}  // namespace millrace::bus
