#include "vod_delivery.hpp"

#include <charconv>

#include "errors.hpp"
#include "manifest/clip/clip_query.hpp"
#include "manifest/dash/template_query.hpp"
#include "manifest/hls/uri_query.hpp"
#include "vod_mpd.hpp"
#include "vod_playlists.hpp"

namespace millrace::api {
namespace {

constexpr std::string_view kVod = "/vod/";
constexpr std::string_view kPlaylist = "index.m3u8";
constexpr std::string_view kManifest = "manifest.mpd";
constexpr std::string_view kInit = "init.mp4";
constexpr std::string_view kSegmentSuffix = ".m4s";
constexpr std::string_view kByTime = "at-";
constexpr std::string_view kPlaylistType = "application/vnd.apple.mpegurl";
constexpr std::string_view kManifestType = "application/dash+xml";

void add_parameter(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  query.append(name).append("=").append(value);
}

http::Response missing() {
  return http::Response::problem(404, "vod_unknown", "This recording has nothing of that name.");
}

http::Response failure(const Error& error) {
  const bool not_now = error.code == api::errors::kVodBusy || error.code == api::errors::kRead;
  if (!not_now)
    return http::Response::problem(422, "recording_not_presentable",
                                   "This file cannot be presented: " + error.message + ".");
  http::Response response = http::Response::problem(503, "recording_busy", "Try again shortly.");
  response.headers.add("Retry-After", "1");
  return response;
}

// The file's tag with the object's name, and without what it must not have.
std::string etag_of(const http::OpenedFile& file, std::string_view name) {
  std::string etag = file.etag;
  etag.insert(etag.size() - 1, "-" + std::string(name));
  return etag;
}

class Answerer {
 public:
  Answerer(const VodItem& item, const http::OpenedFile& file, const http::Request& request,
           std::string_view token)
      : item_(item), file_(file), request_(request), token_(token) {}

  http::Response answer(const VodPath& path) const {
    const bool is_manifest = path.rendition.empty() && path.object == kManifest;
    const VodPresentation::Rendition* const rendition = item_.presentation.find(path.rendition);
    if (!path.rendition.empty() && rendition == nullptr) return missing();
    if (is_manifest || path.object == kPlaylist) return list(is_manifest, rendition);
    if (rendition == nullptr) return missing();
    if (path.object == kInit) {
      http::Response response = object(*rendition, kInit);
      const Bytes init = item_.presentation.init_segment(*rendition);
      response.body = std::string(as_text(init));
      return response;
    }
    return segment(*rendition, path.object);
  }

 private:
  // rendition: nullptr: of all.
  http::Response list(bool is_manifest, const VodPresentation::Rendition* rendition) const {
    const Result<manifest::Clip> clip = manifest::parse_clip(request_.raw_query, request_.query);
    if (!clip) return http::Response::problem(400, "bad_clip", clip.error().message);
    const VodPresentation::Range range = item_.presentation.segments_in(clip->start_us, clip->end_us);
    if (range.begin == range.end)
      return http::Response::problem(404, "clip_beyond_end", "The recording ends before the clip begins.");
    return is_manifest ? manifest(*clip, range) : playlist(rendition, *clip, range);
  }

  http::Response playlist(const VodPresentation::Rendition* rendition, const manifest::Clip& clip,
                          VodPresentation::Range range) const {
    http::Response response;
    response.headers.add("Content-Type", kPlaylistType);
    const std::string name = rendition == nullptr ? std::string() : rendition->name;
    std::string query = rendition == nullptr ? clip.query : std::string();
    if (!token_.empty()) add_parameter(query, "token", token_);
    // Only what is kept has a compressed form: a clip of a rendition is a list of its own, for whoever asks.
    // Of all renditions it is what their lists are asked with.
    const std::shared_ptr<const http::CodedText>& kept = item_.playlists.find(name)->second;
    const bool is_clip = rendition != nullptr && !clip.is_all();
    if (!is_clip && query.empty()) {
      response.body = kept;
    } else {
      std::string text = is_clip ? media_playlist(item_.presentation, *rendition, range) : kept->plain;
      response.body = query.empty() ? std::move(text) : hls::with_uri_query(text, query);
    }
    if (token_.empty()) response.headers.add("ETag", etag_of(file_, name + "-list" + clip.query));
    return response;
  }

  // As the playlists: a clip is not kept.
  http::Response manifest(const manifest::Clip& clip, VodPresentation::Range range) const {
    http::Response response;
    response.headers.add("Content-Type", kManifestType);
    if (token_.empty()) response.headers.add("ETag", etag_of(file_, std::string(kManifest) + clip.query));
    if (token_.empty() && clip.is_all()) {
      response.body = item_.mpd;
      return response;
    }
    std::string text = clip.is_all() ? item_.mpd->plain : vod_mpd(item_.presentation, range);
    response.body =
        token_.empty() ? std::move(text) : dash::with_template_query(text, "token=" + std::string(token_));
    return response;
  }

  http::Response object(const VodPresentation::Rendition& rendition, std::string_view name) const {
    http::Response response;
    response.headers.add("Content-Type", item_.presentation.is_video(rendition) ? "video/mp4" : "audio/mp4");
    response.headers.add("ETag", etag_of(file_, rendition.name + "-" + std::string(name)));
    return response;
  }

  // "<number>.m4s", or "at-<ticks>.m4s" of a track that pauses.
  std::optional<std::size_t> number_of(const VodPresentation::Rendition& rendition,
                                       std::string_view name) const {
    if (!name.ends_with(kSegmentSuffix)) return std::nullopt;
    std::string_view digits = name.substr(0, name.size() - kSegmentSuffix.size());
    const bool by_time = digits.starts_with(kByTime);
    if (by_time) digits.remove_prefix(kByTime.size());
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || std::to_string(value) != digits)
      return std::nullopt;
    if (by_time) return item_.presentation.segment_at(rendition, value);
    const auto number = static_cast<std::size_t>(value);
    return value >= 0 && item_.presentation.has_segment(rendition, number) ? std::optional(number)
                                                                           : std::nullopt;
  }

  http::Response segment(const VodPresentation::Rendition& rendition, std::string_view name) const {
    const std::optional<std::size_t> number = number_of(rendition, name);
    if (!number) return missing();
    VodPresentation::Segment made = item_.presentation.segment(rendition, *number);
    http::Response response = object(rendition, name);
    http::FilePieces pieces{std::string(as_text(made.header)), {{0, made.header.size()}}};
    for (const mp4::FileRange& range : made.payload)
      pieces.pieces.push_back({range.offset, range.size, file_.region.file});
    response.body = std::move(pieces);
    return response;
  }

  const VodItem& item_;
  const http::OpenedFile& file_;
  const http::Request& request_;
  const std::string_view token_;
};

}  // namespace

std::optional<VodPath> parse_vod_path(std::string_view path) {
  if (path.starts_with("/api/")) path.remove_prefix(4);
  if (!path.starts_with(kVod)) return std::nullopt;
  path.remove_prefix(kVod.size());
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || !path.substr(0, slash).ends_with(".mp4")) return std::nullopt;
  VodPath out;
  out.file = path.substr(0, slash);
  out.object = path.substr(slash + 1);
  if (const std::size_t next = out.object.find('/'); next != std::string_view::npos) {
    out.rendition = out.object.substr(0, next);
    out.object = out.object.substr(next + 1);
  }
  return out;
}

http::Response vod_answer(const VodLibrary::Found& found, const http::OpenedFile& file,
                          const http::Request& request, std::string_view token) {
  if (!found) return failure(found.error());
  const std::optional<VodPath> path = parse_vod_path(request.path);
  return path ? Answerer(**found, file, request, token).answer(*path) : missing();
}

}  // namespace millrace::api
