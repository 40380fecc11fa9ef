// Instances that were heard and are not there now: when their facts end. Pure; times come in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "bus/address.hpp"

namespace millrace::bus {

class Withdrawals {
 public:
  struct Withdrawal {
    PeerName name;
    bool reported_lost;
  };

  // Silent, and reported as lost.
  void lost(const PeerName& name, std::int64_t due_us);
  // Its address went.
  void gone(const PeerName& name, bool reported_lost, std::int64_t due_us);
  // It is there again.
  void heard(const PeerName& name) { entries_.erase(name); }
  // Those whose time has come, one after the other.
  std::optional<Withdrawal> take_due(std::int64_t now_us);
  // INT64_MAX: none.
  std::int64_t next_due_us() const;

 private:
  struct Entry {
    bool reported_lost;
    std::int64_t due_us;
  };
  std::map<PeerName, Entry> entries_;
};

}  // namespace millrace::bus
