// GET /vod/details/:filename: what a recording's file says about itself.
#include <array>
#include <cstdio>

#include "handlers/documents.hpp"
#include "recording_access.hpp"
#include "recordings.hpp"
#include "recordings/file_names.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

std::string clock_text(std::uint64_t duration_us) {
  const std::uint64_t seconds = (duration_us + 500'000) / 1'000'000;
  std::array<char, 32> text{};
  std::snprintf(
      text.data(), text.size(), "%02llu:%02llu:%02llu", static_cast<unsigned long long>(seconds / 3600),
      static_cast<unsigned long long>(seconds / 60 % 60), static_cast<unsigned long long>(seconds % 60));
  return text.data();
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

Json video_document(const mp4::TrackInfo& info) {
  return {{"codec", info.codec},
          {"width", info.track.width},
          {"height", info.track.height},
          {"fps", rounded(info.samples_a_second)}};
}

Json audio_document(const mp4::TrackInfo& info) {
  return {{"codec", info.codec}, {"sampleRate", info.sample_rate}, {"channels", info.channels}};
}

// Of the first track of each kind; null where there is none, or the file is not readable.
void add_contents(const mp4::MovieInfo* movie, Json& document) {
  document["duration"] = nullptr;
  document["durationSeconds"] = nullptr;
  document["codecs"] = nullptr;
  document["video"] = nullptr;
  document["audio"] = nullptr;
  if (movie == nullptr) return;
  document["duration"] = clock_text(movie->duration_us);
  document["durationSeconds"] = rounded(static_cast<double>(movie->duration_us) / 1e6);
  std::string codecs;
  for (const mp4::TrackInfo& info : movie->tracks) {
    codecs.append(codecs.empty() || info.codec.empty() ? "" : ",").append(info.codec);
    const bool video = info.track.type == mp4::TrackType::kVideo;
    Json& place = document[video ? "video" : "audio"];
    if (place.is_null()) place = video ? video_document(info) : audio_document(info);
  }
  document["codecs"] = codecs;
}

}  // namespace

http::Response vod_details_get(const Call& call, const Context& context) {
  const std::string name(call.parameter("filename"));
  const auto file = open_recording(context.recordings.directory(), name);
  if (!file) return file.error();
  const auto visible = may_see_recording(call, context, name);
  if (!visible) return visible.error();
  if (!*visible) return http::Response::problem(404, "recording_unknown", "There is no such recording.");
  const auto parsed = recordings::parse_finished_name(name);
  Json document = {{"filename", name}, {"size", file->region.size}};
  add_contents(context.recordings.info(name, *file).get(), document);
  document["createdAt"] = parsed ? parsed->started() : rfc3339(file->modified_wall);
  document["streamId"] = parsed ? Json(parsed->stream_id) : Json(nullptr);
  const bool shared = call.identity.role == policy::Role::kAnyone;
  return shared ? shared_response(text_of(document)) : json_response(200, text_of(document));
}

}  // namespace millrace::api
