#include "config.hpp"

namespace millrace::recording {

void RecordingConfig::add_rows(ConfigTable& table) {
  media_log.add_row(table);
  table.text("MEDIA_ROOT", media_root, "", "directory of recorded media; default: media below MILLRACE_HOME");
  table.text("VOD_DIRECTORY_NAME", vod_directory_name, "vod",
             "name of the recordings' directory below MEDIA_ROOT");
  ops.add_rows(table, "OPS_ADDRESS", "RECORDING_OPS_PORT", "9104",
               "TCP port of recording's health, readiness and metrics");
  table.duration(
      "RECONNECT_GRACE_SECONDS", reconnect_grace, "60", {0, 110},
      "seconds that a stream which was cut off may take to come back into the same recording; 0: never");
  table.duration("RECORDING_MAX_SECONDS", longest_file, "43200", {0, 2'592'000},
                 "seconds after which a recording goes on in a new file, at the next key frame; 0: never");
  table.bytes("RECORDING_MAX_BYTES", largest_file, "32G", {0},
              "size from which a recording goes on in a new file, at the next key frame; 0: any");
  bus.add_rows(table);
}

}  // namespace millrace::recording
