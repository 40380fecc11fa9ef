#include "bus/subscription.hpp"

#include <algorithm>

namespace millrace::bus {

Subscription::Subscription(Config config, EventHandler handler, std::int64_t now_us)
    : config_(std::move(config)),
      handler_(std::move(handler)),
      heard_us_(now_us),
      ticked_us_(now_us),
      ask_us_(now_us) {}

bool Subscription::receive(v1::Event event, std::int64_t now_us) {
  if (event.service() != config_.service || event.sequence() == 0) return false;
  if (in_step_ && event.boot_id() == boot_id_ && event.instance() != instance_) return false;
  heard_us_ = now_us;
  if (!in_step_) {
    wait(std::move(event));
  } else if (follows(event)) {
    deliver(event);
  } else if (event.boot_id() != boot_id_ || event.sequence() > sequence_) {
    fall_behind(std::move(event));
  }
  return true;
}

bool Subscription::receive(const v1::Snapshot& snapshot, std::int64_t now_us) {
  if (snapshot.service() != config_.service || !is_instance_name(snapshot.instance())) return false;
  heard_us_ = now_us;
  if (!instance_.empty() && snapshot.instance() != instance_) lose();
  instance_ = snapshot.instance();
  // A second answer, when the first one was only slow: going back would show old facts again.
  if (in_step_ && snapshot.boot_id() == boot_id_ && snapshot.sequence() <= sequence_) return true;
  lost_ = false;
  in_step_ = true;
  boot_id_ = snapshot.boot_id();
  sequence_ = snapshot.sequence();
  ++snapshots_;
  if (handler_.on_snapshot) handler_.on_snapshot(snapshot);
  catch_up();
  return true;
}

// Applies what arrived before the snapshot. Boot ids have no order: events of another boot are older when
// events of the snapshot's boot follow them, and else they are newer than the snapshot.
void Subscription::catch_up() {
  while (!waiting_.empty()) {
    v1::Event event = std::move(waiting_.front());
    waiting_.pop_front();
    if (event.boot_id() == boot_id_ && event.instance() != instance_) continue;
    if (event.boot_id() != boot_id_) {
      const bool old = std::any_of(waiting_.begin(), waiting_.end(),
                                   [&](const v1::Event& later) { return later.boot_id() == boot_id_; });
      if (old) continue;
    } else if (event.sequence() <= sequence_) {
      continue;
    } else if (follows(event)) {
      deliver(event);
      continue;
    }
    in_step_ = false;
    ++gaps_;
    waiting_.push_front(std::move(event));
    return;
  }
}

bool Subscription::wants_snapshot(std::int64_t now_us) {
  if (in_step_ || now_us < ask_us_) return false;
  ask_us_ = now_us + config_.snapshot_retry_us;
  return true;
}

void Subscription::tick(std::int64_t now_us) {
  // Time in which this process itself did not run (SIGSTOP, a suspended machine) is no silence of the peer.
  if (now_us - ticked_us_ > config_.lost_after_us / 2) heard_us_ = std::max(heard_us_, now_us);
  ticked_us_ = now_us;
  if (lost_ || now_us - heard_us_ < config_.lost_after_us) return;
  lose();
}

void Subscription::lose() {
  const bool known = lost_;
  lost_ = true;
  in_step_ = false;
  if (!known && handler_.on_lost) handler_.on_lost({config_.service, instance_});
}

std::int64_t Subscription::next_due_us() const {
  // Ticks come at a third of the silence at least, so that a longer pause can only be our own.
  std::int64_t due = ticked_us_ + config_.lost_after_us / 3;
  if (!in_step_) due = std::min(due, ask_us_);
  return due;
}

bool Subscription::follows(const v1::Event& event) const {
  return event.boot_id() == boot_id_ && event.sequence() == sequence_ + 1;
}

void Subscription::fall_behind(v1::Event event) {
  in_step_ = false;
  ++gaps_;
  waiting_.clear();
  wait(std::move(event));
}

void Subscription::wait(v1::Event event) {
  if (waiting_.size() >= config_.waiting_events) waiting_.pop_front();
  waiting_.push_back(std::move(event));
}

void Subscription::deliver(const v1::Event& event) {
  sequence_ = event.sequence();
  if (event.has_heartbeat() || !handler_.on_event) return;
  handler_.on_event(event);
}

}  // namespace millrace::bus
