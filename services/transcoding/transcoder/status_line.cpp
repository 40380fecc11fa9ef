#include "status_line.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace millrace::transcoding {
namespace {

nlohmann::json describe(const Rendition& made, const RenditionLog* log) {
  return {{"name", made.name},
          {"width", made.width},
          {"height", made.height},
          {"codec", made.codec},
          {"kbps", made.kbps},
          {"peak_kbps", made.peak_kbps},
          {"frames_out", log != nullptr ? log->counters().samples.load() : 0},
          {"bytes_out", log != nullptr ? log->counters().bytes.load() : 0}};
}

}  // namespace

std::string status_line(const TranscoderStatus& status, const Transcoder& transcoder) {
  const media::LogInfo& source = transcoder.source();
  const PictureLine& line = transcoder.line();
  nlohmann::json renditions = nlohmann::json::array();
  for (const Rendition& made : line.plan().renditions)
    renditions.push_back(describe(made, line.log_of(made.name)));
  const RenditionLog* sound = transcoder.sound().log();
  const nlohmann::json object = {
      {"stream", source.stream_id},
      {"publication", number_of(source.publication_id)},
      {"frames_in", status.counters.pictures_in},
      {"frames_decoded", status.counters.pictures},
      {"frames_undecodable", status.counters.undecodable},
      {"frames_left_out", status.counters.left_out},
      {"records_skipped", status.skipped},
      {"plans", status.counters.plans},
      {"behind_ms", status.behind_us / 1000},
      {"speed", status.speed},
      {"queue", status.queued},
      {"sound_frames_out", sound != nullptr ? sound->counters().samples.load() : 0},
      {"renditions", renditions}};
  return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace millrace::transcoding
