// Configuration of ingest: one struct, filled from the environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/ids.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"
#include "media/log_directory.hpp"
#include "net/ip_network.hpp"
#include "publish/resolution_limit.hpp"

namespace millrace::ingest {

// SLATE: what stands in for a publisher that is away.
enum class SlateKind : std::uint8_t {
  kGapWithParts,  // not set: a gap where streams have parts (HLS_PART_MS)
  kGap,
  kOff,
};

struct IngestConfig {
  std::string listen_address;
  std::uint16_t rtmp_port = 0;
  http::OpsConfig ops;
  std::uint32_t threads = 2;
  std::uint32_t max_connections = 0;
  std::uint32_t chunk_size = 0;  // of what is sent; 0: a message is a chunk
  std::uint16_t tls_port = 0;
  std::string tls_address;  // empty: listen_address
  std::string tls_certificate;
  std::string tls_key;
  std::chrono::seconds tls_check{60};
  net::IpNetworks proxies;         // that say whom they speak for
  net::IpNetworks play_whitelist;  // empty: everybody
  net::IpNetworks connections_whitelist;
  std::int64_t max_address_connections = 0;  // 0 or less: any number
  std::uint32_t max_streams = 0;             // live at a time; 0: any number
  std::uint32_t max_bitrate_mbps = 0;        // 0: any
  ResolutionLimit max_resolution;
  std::size_t id_max_length = 128;
  std::chrono::seconds handshake{10};
  std::chrono::milliseconds decision_timeout{5000};
  std::chrono::seconds first_media{15};
  std::chrono::seconds read_timeout{30};
  std::chrono::seconds ping{15};
  std::chrono::milliseconds gather{20};
  media::LogDirectoryConfig media_log;
  std::uint64_t log_bytes = 0;
  std::uint64_t log_stream_bytes = 0;
  std::chrono::seconds log_keep{60};
  std::uint32_t segment_ms = 2000;
  std::uint32_t part_ms = 333;
  std::chrono::seconds reconnect_grace{60};
  SlateKind slate = SlateKind::kGapWithParts;
  Secret forward_targets;
  std::string forward_allow;
  bool forward_tls_verify = true;
  std::string forward_tls_authorities;
  std::uint32_t forward_max = 256;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  // What a row cannot say: "config.value" with the variable.
  Result<void> check() const;
  // Of this instance: several may share a MEDIA_LOG_DIR, each with an arena of its own. Precondition: its
  // name is one, as bus::endpoints() has it.
  std::string arena_name() const;
  // Whether an application or a stream may be called that.
  bool is_name(std::string_view text) const { return is_valid_id(text) && text.size() <= id_max_length; }
  bool writes_slates() const {
    return slate == SlateKind::kGap || (slate == SlateKind::kGapWithParts && part_ms != 0);
  }
  bool tls() const { return !tls_certificate.empty(); }

 private:
  void add_tls_rows(ConfigTable& table);
  void add_policy_rows(ConfigTable& table);
  void add_forward_rows(ConfigTable& table);
};

}  // namespace millrace::ingest
