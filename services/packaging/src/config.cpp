#include "config.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace millrace::packaging {

void PackagingConfig::add_rows(ConfigTable& table) {
  media_log.add_row(table);
  table.text("LISTEN_ADDRESS", listen_address, "0.0.0.0", "IP address that public ports are bound to");
  table.integer("HLS_PORT", hls_port, "8000", {0, 65535}, "TCP port of HLS delivery; 0 takes a free one");
  table.integer("HLS_THREADS", hls_threads, "2", {1, 64}, "threads of HLS delivery");
  table.integer("HLS_CONNECTIONS", connections, "8192", {1, 1'000'000},
                "connections of players; further ones are closed at once");
  table.integer(
      "HLS_CONNECTIONS_PER_ADDRESS", connections_per_address, "1024", {0, 1'000'000},
      "connections from one address (IPv6: /64); 0: no such limit. TRUSTED_PROXIES are not counted, "
      "but their clients' FLV streams are");
  table.integer("HLS_WAITING", waiting, "8192", {1, 1'000'000},
                "requests that wait at once for a playlist, part or segment to come; further ones get 503");
  table.integer("HLS_WAITING_PER_ADDRESS", waiting_per_address, "1024", {0, 1'000'000},
                "of one address (IPv6: /64; behind TRUSTED_PROXIES the client's); 0: no such limit");
  proxies.add_rows(table);
  ops.add_rows(table, "OPS_ADDRESS", "PACKAGING_OPS_PORT", "9103",
               "TCP port of packaging's health, readiness and metrics");
  table.integer("HLS_WINDOW_SEGMENTS", window_segments, "10", {3, 100},
                "segments in a playlist; fewer where they would pass 50 seconds, more where they are no "
                "three target durations");
  table.duration(
      "DVR_WINDOW_SECONDS", dvr_window, "0", {0, 43'200},
      "seconds that viewers may go back in a stream that is recorded (/live/<id>/dvr.m3u8, dvr.mpd); "
      "0: only what the log has");
  table.text("MEDIA_ROOT", media_root, "",
             "directory of recorded media, which recording writes; default: media below MILLRACE_HOME");
  table.text("VOD_DIRECTORY_NAME", vod_directory_name, "vod",
             "name of the recordings' directory below MEDIA_ROOT");
  table.boolean("HLS_ENABLED", hls_enabled, "true", "whether there are playlists (HLS); off: 404");
  table.boolean("DASH_ENABLED", dash_enabled, "true", "whether there are manifests (DASH); off: 404");
  table.duration(
      "RECONNECT_GRACE_SECONDS", reconnect_grace, "60", {0, 110},
      "seconds that an ended stream may take to come back before its playlist is closed (EXT-X-ENDLIST)");
  table.boolean("PUBLIC_STREAM_KEYS", public_stream_keys, "false",
                "as an older server did: /live/<stream key>/… leads to the stream");
  table.secret(
      "PLAYBACK_SECRET", playback_secret,
      "secret that playback tokens are signed with, at least 32 characters, the same for auth, packaging and "
      "the API; unset: nobody but the key's holder can watch private streams");
  table.secret("PLAYBACK_SECRET_PREVIOUS", playback_secret_previous,
               "the secret before it: tokens signed with it are good until they run out");
  bus.add_rows(table);
}

std::string PackagingConfig::recordings_directory(const std::string& home) const {
  return (media_root.empty() ? home + "/media" : media_root) + "/" + vod_directory_name;
}

Result<void> PackagingConfig::check_recordings(const std::string& home) const {
  if (dvr_window.count() == 0) return {};
  const std::string directory = recordings_directory(home);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(directory, error);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  const bool readable =
      std::filesystem::is_directory(status) && ::access(directory.c_str(), R_OK | X_OK) == 0;
  if (readable) return {};
  return fail("config.invalid", "DVR_WINDOW_SECONDS needs the recordings below MEDIA_ROOT, but " + directory +
                                    " is no directory that can be read");
}

}  // namespace millrace::packaging
