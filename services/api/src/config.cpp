#include "config.hpp"

namespace millrace::api {
namespace {

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace

void ApiConfig::ads_rows(ConfigTable& table) {
  table.parsed<std::string>("VAST_TAG_URL", ads.tag_template, "URL", "",
                            "what GET /ads/vast-tag gives players; {streamId}, {cachebuster}, {interest} and "
                            "{age} are filled in; default: our own GET /ads/vast",
                            check_tag_template);
  table.parsed<std::string>("VAST_MEDIA_URL", ads.media_url, "URL", "",
                            "the advertisement's file in GET /ads/vast; empty: no advertisement", check_url);
  table.text("VAST_MEDIA_TYPE", ads.media_type, "video/mp4", "the file's MIME type");
  table.integer("VAST_MEDIA_WIDTH", ads.media_width, "1280", {0, 16'384}, "its picture's width");
  table.integer("VAST_MEDIA_HEIGHT", ads.media_height, "720", {0, 16'384}, "its picture's height");
  table.integer("VAST_SECONDS", ads.seconds, "15", {1, 3600}, "how long the advertisement is");
  table.parsed<std::string>("VAST_CLICK_URL", ads.click_url, "URL", "", "where a click on it leads",
                            check_url);
  table.parsed<std::string>("VAST_IMPRESSION_URL", ads.impression_url, "URL", "",
                            "what players fetch when they show it", check_url);
  table.text("VAST_TITLE", ads.title, "Advertisement", "its name");
}

void ApiConfig::add_rows(ConfigTable& table) {
  table.text("LISTEN_ADDRESS", listen_address, "0.0.0.0", "IP address that public ports are bound to");
  table.integer("PORT", port, "3000", {0, 65535},
                "TCP port of the API and the watch page; 0 takes a free one");
  table.integer("API_THREADS", edge_threads, "2", {1, 64}, "threads of the API's public side");
  table.integer("API_APPLICATION_THREADS", application_threads, "8", {1, 64},
                "threads of the REST application; each may wait for another service");
  table.integer("API_CONNECTIONS", connections, "16384", {1, 1'000'000},
                "connections of clients; further ones are closed at once");
  table.integer("API_CONNECTIONS_PER_ADDRESS", connections_per_address, "512", {0, 1'000'000},
                "connections from one address (IPv6: /64); 0: no such limit. TRUSTED_PROXIES are not "
                "counted, but their "
                "clients' WebSockets are");
  proxies.add_rows(table);
  table.integer(
      "API_READS_PER_ADDRESS", rates.reads_per_address, "0", {0, 1'000'000},
      "GET requests a second from one address (IPv6: /64), twice as many at once; 0: no such limit");
  table.integer("API_WRITES_PER_ADDRESS", rates.writes_per_address, "100", {0, 1'000'000},
                "the same for other methods");
  table.integer("API_READS_PER_ACCOUNT", rates.reads_per_account, "200", {0, 1'000'000},
                "GET requests a second with tokens of one account, twice as many at once; 0: no such limit");
  table.integer("API_WRITES_PER_ACCOUNT", rates.writes_per_account, "50", {0, 1'000'000},
                "the same for other methods");
  table.integer("API_LIVE_CLIENTS", live_clients, "10000", {0, 1'000'000},
                "clients of the live metrics (WebSocket and Socket.IO) at once; further ones get 503");
  table.text("API_CORS_ORIGINS", cors_origins, "*",
             "web origins that may read answers, separated by commas; * for all (never with credentials)");
  ops.add_rows(table, "OPS_ADDRESS", "API_OPS_PORT", "9105",
               "TCP port of the API's health, readiness and metrics");
  table.text("MEDIA_ROOT", media_root, "", "directory of recordings; default: media below MILLRACE_HOME");
  table.text("VOD_DIRECTORY_NAME", vod_directory_name, "vod",
             "directory of finished recordings below MEDIA_ROOT");
  table.text("RTMP_BASE_URL", rtmp_base_url, "",
             "where publishers connect to; default: rtmp://localhost:RTMP_PORT");
  table.text("HLS_BASE_URL", hls_base_url, "",
             "where players connect to; default: http://localhost:HLS_PORT");
  table.integer("RTMP_PORT", rtmp_port, "1935", {0, 65535}, "TCP port of RTMP");
  table.integer("HLS_PORT", hls_port, "8000", {0, 65535}, "TCP port of HLS delivery");
  table.duration("STREAM_STOP_HOLD_SECONDS", stream_rules.stop_hold, "30", {0, 3600},
                 "how long POST /stream/stop keeps a stream's encoder off, unless it is started before; "
                 "0: it may come back at once");
  table.boolean(
      "PUBLIC_STREAM_KEYS", public_stream_keys, "false",
      "as an older server did: hlsUrl has the stream key, and so have the names in GET /metrics and in "
      "the live metrics. Whoever sees a key can publish with it");
  table.text("API_BASE_URL", api_base_url, "",
             "where clients reach this API; default: http://localhost:PORT");
  table.text("FFMPEG_PATH", ffmpeg_path, "",
             "accepted and not used: nothing here needs ffmpeg (an older server did)");
  ads_rows(table);
  table.text("WEB_ROOT", web_root, "web", "directory of the watch page's files");
  table.secret(
      "PLAYBACK_SECRET", playback_secret,
      "secret that playback tokens are signed with, at least 32 characters, the same for auth, packaging and "
      "the API; unset: recordings of private streams are for their owners only");
  table.secret("PLAYBACK_SECRET_PREVIOUS", playback_secret_previous,
               "the secret before it: tokens signed with it are good until they run out");
  bus.add_rows(table);
}

std::string ApiConfig::vod_directory(const std::string& home) const {
  return (media_root.empty() ? home + "/media" : media_root) + "/" + vod_directory_name;
}

Urls ApiConfig::urls() const {
  return {.rtmp_base = without_slash(rtmp_base_url.empty() ? "rtmp://localhost:" + std::to_string(rtmp_port)
                                                           : rtmp_base_url),
          .hls_base = without_slash(hls_base_url.empty() ? "http://localhost:" + std::to_string(hls_port)
                                                         : hls_base_url),
          .api_base = without_slash(api_base_url),
          .public_keys = public_stream_keys};
}

}  // namespace millrace::api
