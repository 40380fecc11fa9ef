#include "actors.hpp"

#include <caf/all.hpp>
#include <stdexcept>

#include "application_probes.hpp"
#include "base/log.hpp"
#include "edge_call.hpp"
#include "runtime/detached_thread.hpp"

namespace millrace::api {
namespace {

using TickAtom = caf::atom_constant<caf::atom("tick")>;
using ProbedAtom = caf::atom_constant<caf::atom("probed")>;

constexpr std::chrono::seconds kProbeEvery{2};
constexpr std::chrono::milliseconds kPresenceEvery{250};
constexpr std::string_view kComponent = "application";
constexpr std::string_view kProbed = "/api/v1/health-check";  // answers without asking anybody

struct ApplicationState {
  static inline const char* name = "api.application";
  runtime::DetachedThread thread;
  std::shared_ptr<ActorParts> parts;
  std::unique_ptr<Application> application;
  ApplicationProbes probes{0};

  ~ApplicationState() {
    if (parts) parts->upstream.connect_to(0);
  }

  void start(std::shared_ptr<ActorParts> shared) {
    parts = std::move(shared);
    parts->health->set(kComponent, runtime::HealthState::kStarting, "starting");
    auto started = parts->start_application();
    if (!started) throw std::runtime_error(started.error().message);
    application = std::move(*started);
    probes = ApplicationProbes(parts->upstream.statistics().answers);
    parts->upstream.connect_to(application->port());
    parts->health->set(kComponent, runtime::HealthState::kReady);
  }

  void probed(ProbeOutcome outcome) {
    if (probes.add(outcome, parts->upstream.statistics().answers)) return;
    parts->health->set(kComponent, runtime::HealthState::kStarting, "does not answer");
    throw std::runtime_error("the application does not answer");
  }
};

void probe(caf::stateful_actor<ApplicationState>* self) {
  EdgeCall call;
  call.route = find_route(http::Method::kGet, kProbed).route;
  http::UpstreamRequest request = upstream_request(std::move(call), self->state.parts->edge_secret);
  self->state.parts->upstream.send(
      std::move(request), [actor = caf::actor_cast<caf::actor>(self)](const Result<http::Response>& answer) {
        caf::anon_send(actor, ProbedAtom::value, static_cast<std::uint8_t>(outcome_of(answer)));
      });
}

caf::behavior application_actor(caf::stateful_actor<ApplicationState>* self,
                                std::shared_ptr<ActorParts> parts) {
  self->state.start(std::move(parts));
  self->delayed_send(self, kProbeEvery, TickAtom::value);
  return {
      [self](TickAtom) { probe(self); },
      [self](ProbedAtom, std::uint8_t outcome) {
        self->state.probed(static_cast<ProbeOutcome>(outcome));
        self->delayed_send(self, kProbeEvery, TickAtom::value);
      },
  };
}

void report_presence(const ActorParts& parts) {
  for (const std::string_view service : Peers::kServices) {
    switch (parts.peers.presence(service)) {
      case Peers::Presence::kPresent:
        parts.health->set(service, runtime::HealthState::kReady);
        break;
      case Peers::Presence::kUnknown:
        parts.health->set(service, runtime::HealthState::kDegraded, "not heard yet");
        break;
      case Peers::Presence::kLost:
        parts.health->set(service, runtime::HealthState::kDegraded, "silent: requests that need it get 503");
        break;
    }
  }
  if (parts.files.contains("watch.html")) {
    parts.health->set("web", runtime::HealthState::kReady);
  } else {
    parts.health->set("web", runtime::HealthState::kDegraded, "WEB_ROOT has no watch.html");
  }
}

caf::behavior presence_actor(caf::event_based_actor* self, const std::shared_ptr<ActorParts>& parts) {
  caf::anon_send(self, TickAtom::value);
  return {[self, parts](TickAtom) {
    report_presence(*parts);
    self->delayed_send(self, kPresenceEvery, TickAtom::value);
  }};
}

}  // namespace

runtime::ChildSpec application_child(const std::shared_ptr<ActorParts>& parts) {
  // A thread of its own: starting and ending the application waits for its threads.
  return {.name = "application",
          .group = {},
          .spawn = [parts](caf::event_based_actor& supervisor) -> caf::actor {
            return supervisor.spawn<caf::detached>(application_actor, parts);
          },
          .restart = runtime::Restart::kPermanent};
}

runtime::ChildSpec presence_child(const std::shared_ptr<ActorParts>& parts) {
  return {.name = "presence",
          .group = {},
          .spawn = [parts](caf::event_based_actor& supervisor) -> caf::actor {
            return supervisor.spawn(presence_actor, parts);
          },
          .restart = runtime::Restart::kPermanent};
}

}  // namespace millrace::api
