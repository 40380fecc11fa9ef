// Real streams of every codec for tests (codec_streams/, made by make_codec_streams.py), a publisher that
// writes several of them into a log as ingest would, and ffprobe to say what became of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/arena_writer.hpp"
#include "media/sample.hpp"
#include "media/timeline.hpp"

namespace millrace::media::test {

struct CodecStream {
  struct Sample {
    std::int32_t composition_offset = 0;
    std::uint32_t duration = 0;
    bool key = false;
    bool recovery = false;
    Bytes payload;
  };
  Codec codec = Codec::kNone;
  std::uint32_t timescale = 0;  // of offsets and durations
  std::uint32_t width = 0, height = 0, sample_rate = 0, channels = 0;
  Bytes configuration;  // as a log holds it
  std::vector<Sample> samples;

  bool video() const { return width != 0; }
};

// name: "h264", "hevc", "hevc_open", "hevc_pq", "av1", "vp9", "aac", "opus", "flac", "ac3", "eac3", "mp3".
// Empty on failure.
CodecStream load_codec_stream(const std::string& name);

class CodecPublisher {
 public:
  static constexpr std::uint32_t kSegmentMs = 400;  // the streams' key frames

  // tracks: name of a stream by track number.
  CodecPublisher(ArenaWriter& arena, const std::map<std::uint8_t, std::string>& tracks);
  // Everything the streams hold, in order of time. Ends the log.
  void publish();
  LogWriter& log() { return *log_; }

 private:
  struct Source {
    std::uint8_t track = 0;
    CodecStream stream;
    std::uint32_t configuration = 0;
    std::size_t next = 0;
    std::int64_t time = 0;  // of the next sample, in the stream's timescale
    std::int64_t time_us() const { return time * 1'000'000 / stream.timescale; }
  };
  void add_track(std::uint8_t track, const std::string& name);
  void append(Source& source);

  Timeline timeline_;
  std::unique_ptr<LogWriter> log_;
  std::vector<Source> sources_;
};

bool has_ffprobe();
// What ffprobe prints on both outputs within 20 s, warnings of decoders among them: one comma separated line
// an entry, empty ones left out.
std::string ffprobe(const std::string& path, const std::string& options);

}  // namespace millrace::media::test
