// The publishing side of the Clone pattern: numbers the events of one instance and keeps its facts for
// snapshots. No socket, no clock, no thread; the owner serialises the calls, so that a snapshot is true as of
// its sequence.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/wall_time.hpp"
#include "bus/address.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{1024} * 1024;
inline constexpr std::size_t kMaxSnapshotBytes = 64 * kMaxMessageBytes;

class FactStore {
 public:
  FactStore(PeerName self, std::uint64_t boot_id, std::size_t max_facts);

  struct Published {
    // Empty: larger than kMaxMessageBytes; the sequence was used, so that the loss is seen.
    std::string bytes;
    bool retained = true;  // false: it has a key, but the bound of facts is reached
  };
  Published publish(v1::Event event, WallTime time_wall);

  void snapshot(v1::Snapshot& snapshot) const;
  std::uint64_t sequence() const { return sequence_; }
  std::size_t size() const { return facts_.size(); }

 private:
  bool retain(const v1::Event& event);
  void forget(const std::string& key);

  PeerName self_;
  std::uint64_t boot_id_;
  std::size_t max_facts_;
  std::uint64_t sequence_ = 0;
  std::map<std::string, v1::Event> facts_;
  std::size_t fact_bytes_ = 0;
};

}  // namespace millrace::bus
