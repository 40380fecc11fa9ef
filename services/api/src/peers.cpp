#include "peers.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace millrace::api {
namespace {

// One question: filled in on the bus thread, waited for on the asking one.
struct Pending {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<bus::v1::Reply>> reply;
};

std::size_t index_of(std::string_view service) {
  for (std::size_t i = 0; i < Peers::kServices.size(); ++i) {
    if (Peers::kServices[i] == service) return i;
  }
  return Peers::kServices.size();
}

}  // namespace

struct Peers::View {
  std::array<std::atomic<Presence>, kServices.size()> presence{};
  std::atomic<std::uint64_t> access_epoch{0};
};

Peers::Peers(bus::Node& node, const Listener& listener) : node_(node), view_(std::make_shared<View>()) {
  for (std::size_t i = 0; i < kServices.size(); ++i) {
    bus::EventHandler handler;
    // A snapshot may stand for events that were lost.
    handler.on_snapshot = [view = view_, listener, i](const bus::v1::Snapshot& snapshot) {
      // Of who may do what only auth speaks: another's snapshot costs no remembered token.
      if (kServices[i] == "auth") ++view->access_epoch;
      // Without a boot it stands for an instance that is gone.
      if (snapshot.boot_id() != 0) view->presence[i] = Presence::kPresent;
      // In the end what says that it is all: facts have no order.
      for (const bool last : {false, true}) {
        for (const bus::v1::Event& fact : snapshot.events()) {
          if (listener && fact.has_watching_facts() == last) listener(kServices[i], fact);
        }
      }
    };
    handler.on_event = [view = view_, listener, i](const bus::v1::Event& event) {
      if (event.has_access_changed()) ++view->access_epoch;
      if (listener) listener(kServices[i], event);
    };
    handler.on_lost = [view = view_, &node = node_, i](const bus::PeerName&) {
      if (node.instances(kServices[i]).empty()) view->presence[i] = Presence::kLost;
    };
    node_.subscribe(kServices[i], std::move(handler));
  }
}

Peers::~Peers() = default;

Peers::Presence Peers::presence(std::string_view service) const {
  const std::size_t index = index_of(service);
  return index == kServices.size() ? Presence::kUnknown : view_->presence[index].load();
}

std::uint64_t Peers::access_epoch() const {
  return view_->access_epoch;
}

Result<bus::v1::Reply> Peers::ask(std::string_view service, bus::v1::Request request, Deadline deadline) {
  if (presence(service) == Presence::kLost) return fail("api.peer_lost");
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return fail("bus.deadline");
  const auto pending = std::make_shared<Pending>();
  node_.request(service, std::move(request), left, [pending](Result<bus::v1::Reply> reply) {
    const std::lock_guard lock(pending->mutex);
    pending->reply = std::move(reply);
    pending->answered.notify_one();
  });
  std::unique_lock lock(pending->mutex);
  if (!pending->answered.wait_until(lock, deadline, [&] { return pending->reply.has_value(); }))
    return fail("bus.deadline");
  return std::move(*pending->reply);
}

}  // namespace millrace::api
