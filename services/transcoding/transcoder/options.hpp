// The command line of millrace-transcoder, and what of the environment stands in for it. Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/config.hpp"
#include "base/result.hpp"
#include "plan.hpp"
#include "transcoder.hpp"

namespace millrace::transcoding {

inline constexpr const char* kUsage =
    "millrace-transcoder: makes the renditions of a live stream (docs/transcoding.md).\n"
    "millrace-transcoder --stream ID [option …]\n"
    "  --dir DIR              of the media log (MEDIA_LOG_DIR)\n"
    "  --publication HEX      this publication of the stream, not its newest live one\n"
    "  --wait SECONDS         for the stream to be live (0)\n"
    "  --ladder NAME          default, default60, standard, twitch, youtube, facebook (TRANSCODE_LADDER)\n"
    "  --ladder-file FILE     a ladder of one's own: lines like \"720p30 3000\"\n"
    "  --encoder NAME         auto, x264, x265, libaom_av1, nvenc_h264, … (RTMP_ENCODER, auto)\n"
    "  --preset NAME          ultrafast … veryslow (RTMP_PRESET, veryfast)\n"
    "  --max-height N         of renditions\n"
    "  --max-kbps N           of each\n"
    "  --cpus N               that encoders share (those of the machine)\n"
    "  --keep-seconds N       how much of the past the logs keep (60)\n"
    "  --arena-bytes N        of its own arena (by the ladder)\n"
    "  --from-oldest          begins with the oldest that the source has, not a list's length behind live\n"
    "  --skip-seconds N       behind the live end, and eight target durations: it leaves pictures out (20)\n"
    "  --memory-mb N          beyond what is mapped at start (2048); 0: no limit\n"
    "  --nice N               added to the priority (5)\n"
    "  --with-parent          ends when the process that started it ends\n"
    "  --plan                 says in a line of JSON what would be made, and ends; 75: too little is known "
    "yet\n"
    "  --control              makes what it is told to on standard input: lines like \"want 0 0 0 v0-720p\"\n"
    "  --status               a line of JSON a second on standard output\n"
    "  --choose               tries the encoder, says its name, and ends\n"
    "  --tried                the encoder is not tried again\n"
    "  --try                  says which encoders can be used, and ends\n";

struct Options {
  TranscoderSettings transcoder;
  std::string ladder{kDefaultLadder};
  std::string ladder_file;
  std::string encoder = "auto";
  std::string preset{"veryfast"};
  std::uint64_t memory_mb = 2048;
  int nice = 5;
  bool status = false;
  bool with_parent = false;
  bool try_encoders = false;
  bool plan = false;
  bool choose = false;
  bool tried = false;
  bool controlled = false;
};

// "transcoding.usage": an option that is not known or has no value, a value that is none.
Result<Options> parse_options(std::span<char*> arguments, const Environment& environment, unsigned cpus);

}  // namespace millrace::transcoding
