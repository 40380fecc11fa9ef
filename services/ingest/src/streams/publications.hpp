// The publications that there are, and the supervisor of their actors. A supervisor that is restarted gets
// the actors of all of them again: what was sent to the dead ones waits in the tickets.
#pragma once

#include <caf/fwd.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/actor_slot.hpp"
#include "runtime/health.hpp"
#include "runtime/supervisor.hpp"
#include "streams/publication_actor.hpp"

namespace millrace::ingest {

// Any thread. Outlives the actor system.
class Publications {
 public:
  explicit Publications(const PublicationDependencies& dependencies) : dependencies_(dependencies) {}

  // Starts the actor of a publication.
  void start(const std::shared_ptr<PublicationTicket>& ticket);
  // Spawns their supervisor; for a permanent ChildSpec.
  caf::actor spawn(caf::event_based_actor& root, const std::shared_ptr<runtime::Health>& health);
  // Lets go of all actors, before their system ends.
  void release();
  caf::actor supervisor() const { return supervisor_.get(); }

 private:
  runtime::ChildSpec child(const std::shared_ptr<PublicationTicket>& ticket);
  std::shared_ptr<PublicationTicket> take(const std::string& child_name);
  std::vector<std::shared_ptr<PublicationTicket>> living();

  PublicationDependencies dependencies_;
  runtime::ActorSlot supervisor_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<PublicationTicket>> tickets_;  // by the child's name
};

}  // namespace millrace::ingest
