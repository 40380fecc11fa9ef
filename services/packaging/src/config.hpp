// packaging's configuration: one row a field.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"
#include "http/trusted_proxies.hpp"
#include "media/log_directory.hpp"

namespace millrace::packaging {

struct PackagingConfig {
  media::LogDirectoryConfig media_log;
  std::string listen_address;
  std::uint16_t hls_port = 0;
  std::uint32_t hls_threads = 0;
  std::uint32_t connections = 0;
  std::uint32_t connections_per_address = 0;
  std::uint32_t waiting = 0;
  std::uint32_t waiting_per_address = 0;
  http::TrustedProxiesConfig proxies;
  http::OpsConfig ops;
  std::uint32_t window_segments = 0;
  std::chrono::seconds reconnect_grace{};
  std::chrono::seconds dvr_window{};
  std::string media_root;
  std::string vod_directory_name;
  bool hls_enabled = true;
  bool dash_enabled = true;
  bool public_stream_keys = false;
  Secret playback_secret;
  Secret playback_secret_previous;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  std::string recordings_directory(const std::string& home) const;
  // "config.invalid": what is to be gone back to stands where no recordings can be. That it is not there yet
  // is no error: recording makes it.
  Result<void> check_recordings(const std::string& home) const;
};

}  // namespace millrace::packaging
