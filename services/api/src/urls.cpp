#include "urls.hpp"

#include <nlohmann/json.hpp>
#include <optional>

namespace millrace::api {
namespace {

// The port of http://localhost:8000 and its like; nullopt when the URL names a real host.
std::optional<int> port_of_localhost(std::string_view url) {
  for (const std::string_view start : {"http://localhost", "http://127.0.0.1", "http://[::1]"}) {
    if (!url.starts_with(start)) continue;
    const std::string_view rest = url.substr(start.size());
    if (rest.empty()) return 80;
    if (rest.front() != ':' || rest.size() > 6 || rest.size() < 2) return std::nullopt;
    int port = 0;
    for (const char digit : rest.substr(1)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      port = port * 10 + (digit - '0');
    }
    return port;
  }
  return std::nullopt;
}

}  // namespace

std::string Urls::publish(std::string_view key) const {
  return rtmp_base + "/live/" + std::string(key);
}

std::string Urls::hls(std::string_view stream_id, std::string_view key) const {
  return hls_base + "/live/" + std::string(public_keys && !key.empty() ? key : stream_id) + "/index.m3u8";
}

std::string Urls::flv(std::string_view stream_id) const {
  return hls_base + "/live/" + std::string(stream_id) + ".flv";
}

std::string Urls::player_config() const {
  const std::optional<int> port = port_of_localhost(hls_base);
  const nlohmann::json document =
      port ? nlohmann::json{{"hlsPort", *port}} : nlohmann::json{{"hlsBaseUrl", hls_base}};
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Urls::media_source() const {
  if (const std::optional<int> port = port_of_localhost(hls_base)) return "http://*:" + std::to_string(*port);
  // Scheme and authority only. Whatever could end the directive is no part of an origin.
  const std::size_t scheme = hls_base.find("://");
  if (scheme == std::string::npos) return "'self'";
  const std::string origin = hls_base.substr(0, hls_base.find('/', scheme + 3));
  return origin.find_first_of(" ;,'\"") == std::string::npos ? origin : "'self'";
}

}  // namespace millrace::api
