#include "config.hpp"

#include "ladder.hpp"

namespace millrace::transcoding {

void TranscodingConfig::add_rows(ConfigTable& table) {
  table.choice("TRANSCODE", mode, "off", {"off", "ondemand", "always"},
               "ondemand: renditions of live streams are offered, and made "
               "while somebody watches them; always: "
               "they are made all the time; off: there are none");
  // Packaging reports what is wanted every 1 to 1.5 s, and one report may be late.
  table.duration("TRANSCODE_LINGER_SECONDS", linger, "30", {3, 3600},
                 "seconds that a rendition is made after its last viewer, at least 3");
  std::vector<std::string> ladders(ladder_names().begin(), ladder_names().end());
  table.choice("TRANSCODE_LADDER", ladder, std::string(kDefaultLadder), ladders,
               "which renditions: docs/transcoding.md has the ladders");
  table.text("TRANSCODE_OWN_LADDER", ladder_file, "",
             "file with a ladder of one's own, lines like \"720p30 3000\": "
             "instead of TRANSCODE_LADDER's");
  table.text("RTMP_ENCODER", encoder, "auto",
             "encoder of renditions: auto, x264, x265, libaom_av1, nvenc_h264, …; docs/transcoding.md");
  table.choice(
      "RTMP_PRESET", preset, "veryfast",
      {"ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"},
      "how much work the encoder takes on itself for its bits");
  table.integer("TRANSCODE_CHILDREN", most_children, "4", {1, 64},
                "streams that are transcoded at once; further ones wait, and are served as they are");
  media_log.add_row(table);
  ops.add_rows(table, "OPS_ADDRESS", "TRANSCODING_OPS_PORT", "9106",
               "TCP port of transcoding's health, readiness and metrics");
  bus.add_rows(table);
}

}  // namespace millrace::transcoding
