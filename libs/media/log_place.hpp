// How far a consumer of a log is: the next record, how much of it is sent, and which configurations the other
// side has. What goes out of consecutive records is gathered, sent as one run, and accounted:
//
//   place.pass_over(window, takes)                  // what the other side does not take
//   place.configurations.before(log, record)        // goes out first, if it is not empty
//   place.gather(entries, takes, add)               // add() lays a record out
//   sent = …; intact(log, entries)
//   place.account(entries, sent, wire_size)
//
// takes(entry): whether the other side is sent the record. Pure; inlined, as players are many.
//
// Owner: a consumer; its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "media/configurations_in_force.hpp"
#include "media/log_window.hpp"

namespace millrace::media {

struct LogPlace {
  std::uint64_t next = 0;        // record
  std::size_t message_sent = 0;  // bytes of it as it goes out
  ConfigurationsInForce configurations;

  bool in_message() const { return message_sent > 0; }

  // To the next record of the window that is taken, or that was begun: false when there is none, and it
  // stands at the window's end. Precondition: it stands in the window.
  template <class Takes>
  bool pass_over(const LogWindow& window, Takes&& takes) {
    for (const LogEntry& entry : window.from(next)) {
      if (in_message() || takes(entry)) return true;
      ++next;
    }
    return false;
  }

  // Calls add(entry, already_sent) for what goes out of the entries, which begin at `next`: up to a record
  // that needs a configuration which the other side does not have, or for which add says that it has no room.
  // How many entries it came past.
  template <class Takes, class Add>
  std::size_t gather(std::span<const LogEntry> entries, Takes&& takes, Add&& add) const {
    bool any = false;
    std::size_t end = 0;
    for (; end < entries.size(); ++end) {
      const LogEntry& entry = entries[end];
      const std::size_t already_sent = end == 0 ? message_sent : 0;
      // What was begun is ended, whatever the other side takes by now.
      if (already_sent == 0 && !takes(entry)) continue;
      if (any && !configurations.knows(entry.record)) break;
      if (!add(entry, already_sent)) break;
      any = true;
    }
    return end;
  }

  // So many bytes of the run were sent. wire_size(i): of its entry i as it goes out, 0 if that is left out;
  // called once for each that it comes to. How many entries are done with.
  template <class WireSize>
  std::size_t account(std::span<const LogEntry> run, std::size_t bytes, WireSize&& wire_size) {
    std::size_t done = 0;
    bytes += std::exchange(message_sent, 0);
    for (; done < run.size(); ++done) {
      const std::size_t size = wire_size(done);
      if (bytes < size) {
        message_sent = bytes;
        break;
      }
      bytes -= size;
    }
    next += done;
    return done;
  }
};

}  // namespace millrace::media
