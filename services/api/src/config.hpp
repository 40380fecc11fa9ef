// The API's rows of the configuration table.
#pragma once

#include <cstdint>
#include <string>

#include "ads.hpp"
#include "base/config.hpp"
#include "base/secret.hpp"
#include "bus/endpoints.hpp"
#include "call.hpp"
#include "http/ops_config.hpp"
#include "http/trusted_proxies.hpp"
#include "rate_limits.hpp"
#include "urls.hpp"

namespace millrace::api {

struct ApiConfig {
  std::string listen_address;
  std::uint16_t port = 0;
  unsigned edge_threads = 0;
  unsigned application_threads = 0;
  std::size_t connections = 0;
  std::size_t connections_per_address = 0;
  std::size_t live_clients = 0;
  http::OpsConfig ops;
  std::string media_root;
  std::string vod_directory_name;
  std::string rtmp_base_url;
  std::string hls_base_url;
  std::uint16_t rtmp_port = 0;
  std::uint16_t hls_port = 0;
  std::string web_root;
  std::string cors_origins;
  StreamRules stream_rules;
  AdsConfig ads;
  std::string api_base_url;
  bool public_stream_keys = false;
  std::string ffmpeg_path;  // of an older server; not needed
  http::TrustedProxiesConfig proxies;
  RateRules rates;
  Secret playback_secret;
  Secret playback_secret_previous;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  void ads_rows(ConfigTable& table);
  std::string vod_directory(const std::string& home) const;
  Urls urls() const;
};

}  // namespace millrace::api
