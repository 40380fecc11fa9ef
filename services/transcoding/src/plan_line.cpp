#include "plan_line.hpp"

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/ids.hpp"
#include "media/sample.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::uint32_t kBitsPerKbit = 1000;

bool read_track(const nlohmann::json& track, const std::string& encoder, v1::PlannedRendition& made) {
  made.set_name(track.at("name").get<std::string>());
  made.set_kind(track.at("kind").get<std::uint32_t>());
  made.set_codec(track.at("codec").get<std::uint32_t>());
  made.set_timescale(track.at("timescale").get<std::uint32_t>());
  made.set_width(track.at("width").get<std::uint32_t>());
  made.set_height(track.at("height").get<std::uint32_t>());
  made.set_sample_rate(track.at("sample_rate").get<std::uint32_t>());
  made.set_channels(track.at("channels").get<std::uint32_t>());
  made.set_source_configuration(track.at("source_configuration").get<std::uint32_t>());
  made.set_frame_rate_millihertz(track.at("frame_rate_mhz").get<std::uint32_t>());
  made.set_bits_per_second(track.at("kbps").get<std::uint32_t>() * kBitsPerKbit);
  made.set_peak_bits_per_second(track.at("peak_kbps").get<std::uint32_t>() * kBitsPerKbit);
  if (made.kind() == static_cast<std::uint32_t>(media::TrackKind::kVideo)) made.set_encoder(encoder);
  const auto configuration = decode_hex(track.at("configuration").get<std::string>());
  if (!configuration || !is_valid_id(made.name())) return false;
  made.set_configuration(configuration->data(), configuration->size());
  return true;
}

}  // namespace

Result<StreamPlan> parse_plan_line(const std::string& stream_id, const std::string& encoder,
                                   std::string_view line) try {
  const nlohmann::json said = nlohmann::json::parse(line);
  StreamPlan plan;
  plan.renditions.set_stream_id(stream_id);
  plan.renditions.set_publication_id(said.at("publication").get<std::uint64_t>());
  plan.rates = {said.at("source_kbps").get<std::uint32_t>(), said.at("source_millifps").get<std::uint32_t>()};
  plan.picture = said.at("picture").get<std::uint32_t>();
  for (const nlohmann::json& track : said.at("tracks")) {
    if (!read_track(track, encoder, *plan.renditions.add_renditions()))
      return fail("transcoding.plan", "a rendition without a name or configuration");
  }
  return plan;
} catch (const nlohmann::json::exception& error) {
  return fail("transcoding.plan", error.what());
}

}  // namespace millrace::transcoding
