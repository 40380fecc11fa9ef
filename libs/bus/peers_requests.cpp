// Our requests: to any instance of a service or to one by name, until they are answered or out of time.
#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/survive.hpp"
#include "bus/frames.hpp"
#include "bus/peers.hpp"
#include "bus/reply_codes.hpp"

namespace millrace::bus {

void Peers::request(OutstandingRequest request) {
  Service* const to = service(request.service);
  if (to == nullptr) return;  // Node::request has refused unknown services
  if (!std::exchange(to->asked, true)) {
    for (const LinkPtr& link : to->links) open(*to, *link);
  }
  const bool known =
      request.instance.empty() || std::any_of(to->links.begin(), to->links.end(), [&](const LinkPtr& link) {
        return link->subscription && link->subscription->instance() == request.instance;
      });
  if (!known) {
    Error unknown{"bus.unknown_instance",
                  "no instance \"" + request.instance + "\" of " + request.service + " is known"};
    return end(std::move(request), tl::unexpected<Error>(std::move(unknown)));
  }
  to->unsent[request.instance].push_back(request.request.id());
  outstanding_.add(std::move(request));
}

// The first that is connected, of those that are in step; when none is, of all. An instance that moved was
// heard at its former address too.
std::vector<Link*> Peers::to_ask(const Service& of, const std::string& instance) {
  std::vector<Link*> in_step;
  std::vector<Link*> others;
  for (const LinkPtr& link : of.links) {
    if (!link->commands || !link->shadows.empty()) continue;
    if (!instance.empty() && (!link->subscription || link->subscription->instance() != instance)) continue;
    (link->subscription && link->subscription->in_step() ? in_step : others).push_back(link.get());
  }
  return in_step.empty() ? others : in_step;
}

bool Peers::send(Link& link, std::uint64_t id) {
  const OutstandingRequest* const request = outstanding_.find(id);
  if (request == nullptr) return true;  // expired
  v1::Request message = request->request;
  message.set_sender_service(config_.service);
  if (!config_.service.empty()) message.set_sender_instance(config_.endpoints.instance);
  message.set_timeout_us(std::max<std::int64_t>(1, request->deadline_us - monotonic_us()));
  if (link.address.kind == Address::Kind::kIpc) message.set_deadline_monotonic_us(request->deadline_us);
  if (!link.commands || !link.commands->send(message.SerializeAsString())) return false;
  mailbox_->counters.sent.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Peers::send(Service& to) {
  for (const LinkPtr& link : to.links) {
    while (!link->unsent.empty() && send(*link, link->unsent.front())) link->unsent.pop_front();
  }
  for (auto& [instance, ids] : to.unsent) {
    const std::vector<Link*> links = to_ask(to, instance);
    const auto sent = [&](std::uint64_t id) {
      return std::any_of(links.begin(), links.end(), [&](Link* link) { return send(*link, id); });
    };
    while (!ids.empty() && sent(ids.front())) ids.pop_front();
  }
  std::erase_if(to.unsent, [](const auto& waiting) { return waiting.second.empty(); });
}

void Peers::end(OutstandingRequest request, Result<v1::Reply> result) {
  // Snapshot requests are the bus's own: they never took a place among the users' requests.
  if (!request.request.has_get_snapshot()) mailbox_->request_done();
  (void)survives("bus reply handler", [&] { request.handler(std::move(result)); });
}

void Peers::read_replies(Link& link) {
  for (int i = 0; i < kBurst; ++i) {
    const std::optional<Frame> frame = link.commands->receive();
    if (!frame) return;
    v1::Reply reply;
    if (!parse(*frame, reply, mailbox_->counters)) continue;
    link.answered = true;
    std::optional<OutstandingRequest> request = outstanding_.take(reply.id());
    if (!request) continue;  // after its deadline
    if (reply.error_code().empty()) {
      end(*std::move(request), std::move(reply));
    } else {
      end(*std::move(request), fail(intern_code(reply.error_code()), reply.error_message()));
    }
  }
}

// Requests expire while they wait for a connection: the queue must not grow with them.
void Peers::forget_expired(std::deque<std::uint64_t>& ids) const {
  while (!ids.empty() && outstanding_.find(ids.front()) == nullptr) ids.pop_front();
}

}  // namespace millrace::bus
