// What an actor is sent and must not lose: kept outside the actor, in order, until it was handled, so that a
// restarted actor goes on where the crashed one stopped.
//
//   inbox.put(Ended{id});                             // any thread, whether the actor lives or not
//   inbox.replace(actor);                             // in ChildSpec::spawn
//   [this](runtime::WakeAtom) {                       // in the actor's behavior
//     inbox.handle([this](const Event& event) { … }, [this](const Event& event) { /* given up */ });
//   }
//
// An event whose handler throws crashes the actor and is tried again by the next incarnation, tries times in
// all; then it is given up: the second function is called, the others go on. So a handler may run twice for
// an event and must not mind. Events are not copied.
//
// Bounded: beyond the limit the oldest event goes for the new one, and put says so.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/actor_slot.hpp"

namespace millrace::runtime {

template <class Event>
class Inbox {
 public:
  static constexpr unsigned kTries = 2;

  explicit Inbox(std::size_t limit, unsigned tries = kTries) : limit_(limit), tries_(tries) {}

  // --- Any thread ---

  // False: there was no room, and the oldest event is lost.
  bool put(Event event) {
    return put_newest(std::move(event), [](const Event&) { return false; });
  }
  // Takes the place of the newest event that waits for which same is true; for what makes older news void.
  template <class Same>
  bool put_newest(Event event, Same same) {
    bool room = true;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return true;
      const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [&](const EntryPtr& entry) {
        return entry->tried == 0 && same(entry->event);
      });
      auto entry = std::make_shared<Entry>(std::move(event));
      if (found != entries_.rend()) {
        *found = std::move(entry);
      } else {
        entries_.push_back(std::move(entry));
        room = entries_.size() <= limit_;
        if (!room) entries_.pop_front();
      }
    }
    slot_.wake();
    return room;
  }
  void replace(const caf::actor& actor) { slot_.replace(actor); }
  // The actor needs nothing any more: what waits is forgotten, what comes is ignored.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    entries_.clear();
  }
  // The present incarnation.
  caf::actor actor() const { return slot_.actor(); }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

  // --- The actor ---

  // The events that wait now, in order; further ones wake it again. Never twice at the same time.
  template <class Handler, class GiveUp>
  void handle(Handler handler, GiveUp give_up) {
    // An incarnation that was killed may still be at its last event.
    const std::lock_guard one_at_a_time(handling_);
    slot_.awake();
    for (std::size_t left = size(); left > 0; --left) {
      const EntryPtr entry = front();
      if (!entry) return;
      if (entry->tried > tries_) {
        done(entry);
        give_up(std::as_const(entry->event));
      } else {
        handler(std::as_const(entry->event));
        done(entry);
      }
    }
    if (size() > 0) slot_.wake();
  }

 private:
  struct Entry {
    explicit Entry(Event what) : event(std::move(what)) {}
    Event event;
    unsigned tried = 0;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  EntryPtr front() {
    const std::lock_guard lock(mutex_);
    if (entries_.empty()) return nullptr;
    ++entries_.front()->tried;
    return entries_.front();
  }
  void done(const EntryPtr& entry) {
    const std::lock_guard lock(mutex_);
    if (!entries_.empty() && entries_.front() == entry) entries_.pop_front();
  }

  const std::size_t limit_;
  const unsigned tries_;
  std::mutex handling_;
  mutable std::mutex mutex_;
  std::deque<EntryPtr> entries_;
  bool closed_ = false;
  WakeSlot slot_;
};

}  // namespace millrace::runtime
