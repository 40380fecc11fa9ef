#include "bus/fact_store.hpp"

namespace millrace::bus {
namespace {
// What a fact costs in a snapshot beside its own bytes: tag and length.
constexpr std::size_t kFraming = 8;
// Below kMaxSnapshotBytes by the snapshot's own fields and its envelope.
constexpr std::size_t kMaxFactBytes = kMaxSnapshotBytes - kMaxMessageBytes / 16;
}  // namespace

FactStore::FactStore(PeerName self, std::uint64_t boot_id, std::size_t max_facts)
    : self_(std::move(self)), boot_id_(boot_id), max_facts_(max_facts) {}

FactStore::Published FactStore::publish(v1::Event event, WallTime time_wall) {
  event.set_service(self_.service);
  event.set_instance(self_.instance);
  event.set_boot_id(boot_id_);
  event.set_sequence(++sequence_);
  event.set_time_wall_us(time_wall.us());
  Published published;
  if (event.ByteSizeLong() > kMaxMessageBytes) {
    published.retained = event.key().empty();
    return published;
  }
  published.bytes = event.SerializeAsString();
  if (event.key().empty()) return published;
  if (event.retracted()) {
    forget(event.key());
  } else {
    published.retained = retain(event);
  }
  return published;
}

bool FactStore::retain(const v1::Event& event) {
  forget(event.key());
  const std::size_t bytes = event.ByteSizeLong() + kFraming;
  if (facts_.size() >= max_facts_ || fact_bytes_ + bytes > kMaxFactBytes) return false;
  fact_bytes_ += bytes;
  facts_.emplace(event.key(), event);
  return true;
}

void FactStore::forget(const std::string& key) {
  const auto fact = facts_.find(key);
  if (fact == facts_.end()) return;
  fact_bytes_ -= fact->second.ByteSizeLong() + kFraming;
  facts_.erase(fact);
}

void FactStore::snapshot(v1::Snapshot& snapshot) const {
  snapshot.set_service(self_.service);
  snapshot.set_instance(self_.instance);
  snapshot.set_boot_id(boot_id_);
  snapshot.set_sequence(sequence_);
  for (const auto& [key, event] : facts_) *snapshot.add_events() = event;
}

}  // namespace millrace::bus
