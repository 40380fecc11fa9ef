// Configuration of ingest: one struct, filled from the environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"

namespace millrace::ingest {

struct IngestConfig {
  std::string listen_address;
  std::uint16_t rtmp_port = 0;
  std::string ops_address;
  std::uint16_t ops_port = 0;
  std::uint32_t threads = 2;
  std::uint32_t max_connections = 0;
  std::uint32_t chunk_size = 0;  // of what is sent; 0: a message is a chunk
  std::chrono::seconds handshake{10};
  std::chrono::milliseconds decision_timeout{5000};
  std::chrono::seconds read_timeout{30};
  std::chrono::seconds ping{15};
  std::chrono::milliseconds gather{20};
  std::string log_directory;
  std::uint64_t log_bytes = 0;
  std::uint64_t log_stream_bytes = 0;
  std::chrono::seconds log_keep{60};
  std::uint32_t segment_ms = 2000;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  // What a row cannot say: "config.value" with the variable.
  [[nodiscard]] Result<void> check() const;
};

}  // namespace millrace::ingest
