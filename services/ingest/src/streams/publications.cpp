#include "streams/publications.hpp"

#include <caf/all.hpp>

namespace millrace::ingest {

namespace {

std::string child_name(const PublicationTicket& ticket) {
  return "publication/" + hex_id(ticket.publication_id);
}

}  // namespace

runtime::ChildSpec Publications::child(const std::shared_ptr<PublicationTicket>& ticket) {
  return {.name = child_name(*ticket),
          .group = {},
          .spawn =
              [this, ticket](caf::event_based_actor& supervisor) {
                return spawn_publication(supervisor, ticket, dependencies_);
              },
          .restart = runtime::Restart::kTransient};
}

void Publications::start(const std::shared_ptr<PublicationTicket>& ticket) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(tickets_, [](const auto& entry) { return entry.second->over(); });
    tickets_.emplace(child_name(*ticket), ticket);
  }
  // Behind the table: a supervisor that has just begun finds it there, and refuses a name that it has.
  if (const caf::actor supervisor = supervisor_.get()) runtime::add_child(supervisor, child(ticket));
}

caf::actor Publications::spawn(caf::event_based_actor& root, const std::shared_ptr<runtime::Health>& health) {
  runtime::SupervisorConfig config;
  config.name = "publications";
  config.on_exhausted = runtime::OnExhausted::kAbandon;
  config.health = health;
  // A publication whose actor can't live is cut off, so that its stream is free again.
  config.observer = [this](const runtime::SupervisorEvent& event) {
    if (event.kind != runtime::SupervisorEvent::Kind::kAbandoned) return;
    if (const auto ticket = take(event.name)) give_up(*ticket, dependencies_);
  };
  caf::actor supervisor = runtime::spawn_supervisor(root, std::move(config));
  supervisor_.set(supervisor);
  for (const auto& ticket : living()) runtime::add_child(supervisor, child(ticket));
  return supervisor;
}

void Publications::release() {
  supervisor_.set(nullptr);
  const std::lock_guard lock(mutex_);
  tickets_.clear();
}

std::shared_ptr<PublicationTicket> Publications::take(const std::string& child_name) {
  const std::lock_guard lock(mutex_);
  const auto found = tickets_.extract(child_name);
  return found ? found.mapped() : nullptr;
}

std::vector<std::shared_ptr<PublicationTicket>> Publications::living() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<PublicationTicket>> all;
  for (const auto& [name, ticket] : tickets_) {
    if (!ticket->over()) all.push_back(ticket);
  }
  return all;
}

}  // namespace millrace::ingest
