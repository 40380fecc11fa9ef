// What all shards count together, for metrics. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::ingest {

struct ServerCounters {
  std::atomic<std::uint64_t> connections{0};  // open now
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> publishers{0};  // now
  std::atomic<std::uint64_t> players{0};     // now
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> held_bytes{0};    // now: came with a publish that waits for its answer
  std::atomic<std::uint64_t> sent_bytes{0};    // to players
  std::atomic<std::uint64_t> player_sends{0};  // in so many system calls
  std::atomic<std::uint64_t> publish_refused{0};
  std::atomic<std::uint64_t> play_refused{0};
  std::atomic<std::uint64_t> protocol_errors{0};
  std::atomic<std::uint64_t> timeouts{0};
  std::atomic<std::uint64_t> frames_skipped{0};
  std::atomic<std::uint64_t> players_too_slow{0};
  std::atomic<std::uint64_t> over_limit{0};
  std::atomic<std::uint64_t> address_refused{0};
  std::atomic<std::uint64_t> address_bytes{0};  // connections closed because their address sent too much
  std::atomic<std::uint64_t> proxied{0};
  std::atomic<std::uint64_t> tls_handshakes{0};
  std::atomic<std::uint64_t> tls_failures{0};
  std::atomic<std::uint64_t> over_bitrate{0};
  std::atomic<std::uint64_t> over_resolution{0};
  std::atomic<std::uint64_t> over_streams{0};
};

}  // namespace millrace::ingest
