#include "delivery.hpp"

#include <algorithm>

#include "manifest/hls/uri_query.hpp"

namespace millrace::packaging {
namespace {

constexpr std::string_view kForEver = "public, max-age=31536000, immutable";
// Neither a shared cache nor the browser's own: the token may be taken back.
constexpr std::string_view kForOneViewer = "private, no-store";
constexpr std::string_view kPlaylistType = "application/vnd.apple.mpegurl";
// A player is gone when it has not asked for the playlist for this many target durations.
constexpr std::int64_t kViewerPatience = 3;
constexpr std::int64_t kMicroseconds = 1'000'000;

http::Response preflight() {
  http::Response response;
  response.status = 204;
  response.headers.set("Allow", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers", "Range, If-None-Match");
  response.headers.set("Access-Control-Max-Age", "86400");
  return response;
}

http::Response stored(const StoredText& text, std::string_view content_type, std::string_view cache_control) {
  http::Response response;
  response.headers.set("Content-Type", content_type);
  response.headers.set("Cache-Control", cache_control);
  response.headers.set("ETag", text.etag);
  response.body = text.text;
  return response;
}

}  // namespace

void allow_every_origin(http::Response& response) {
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.set("Access-Control-Expose-Headers",
                       "Content-Length, Content-Range, Date, ETag, Retry-After");
  response.headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  response.headers.set("X-Content-Type-Options", "nosniff");
}

http::Response Delivery::answer(const http::Request& request, std::int64_t now_us, WallTime wall) {
  http::Response response;
  if (request.method == http::Method::kOptions) {
    response = preflight();
  } else if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    response = http::Response::problem(405, "packaging.method");
    response.headers.set("Allow", "GET, HEAD, OPTIONS");
  } else if (const auto path = parse_stream_path(request.path)) {
    response = answer_stream(request, *path, now_us, wall);
  } else {
    response = missing(Presence::kUnknown);
  }
  allow_every_origin(response);
  return response;
}

http::Response Delivery::answer_stream(const http::Request& request, const StreamPath& path,
                                       std::int64_t now_us, WallTime wall) {
  const playback::Standing standing = gate_.revocations.standing(path.stream_id);
  if (standing == playback::Standing::kBarred) metrics_.not_found();
  if (std::optional<http::Response> closed = gate_.closed(standing)) return std::move(*closed);
  const auto view = views_.find(path.stream_id);
  if (!view) return missing(Presence::kUnknown);
  if (!view->is_private && standing == playback::Standing::kPublic)
    return object(request, *view, path, now_us);
  const bool list = path.is_playlist();
  PlaybackGate::Decision decision =
      gate_.judge(request, path.stream_id, wall, list ? 0 : PlaybackGate::kSegmentGraceSeconds);
  if (decision.refusal) {
    metrics_.forbidden();
    return std::move(*decision.refusal);
  }
  http::Response response = object(request, *view, path, now_us);
  if (response.status == 200) response.headers.set("Cache-Control", kForOneViewer);
  if (const auto* const text = std::get_if<std::shared_ptr<const std::string>>(&response.body);
      list && text) {
    // A good token has no character that would have to be escaped.
    response.body =
        hls::with_uri_query(**text, "token=" + std::string(request.parameter(PlaybackGate::kParameter)));
  }
  return response;
}

http::Response Delivery::object(const http::Request& request, const StreamView& view, const StreamPath& path,
                                std::int64_t now_us) {
  if (!path.rendition.empty()) return rendition_object(request, view, path, now_us);
  if (path.is_playlist()) return playlist(request, view, view.multivariant_playlist, now_us);
  return missing(Presence::kUnknown);
}

http::Response Delivery::rendition_object(const http::Request& request, const StreamView& view,
                                          const StreamPath& path, std::int64_t now_us) {
  const RenditionView* const rendition = view.rendition(path.rendition);
  if (rendition == nullptr) return missing(Presence::kUnknown);
  if (path.is_playlist()) return playlist(request, view, rendition->playlist, now_us);
  if (const auto name = parse_segment_name(path.name)) {
    const Presence presence = view.presence(*rendition, *name);
    if (presence != Presence::kHere) return missing(presence);
    return segment(view, *rendition, *name, request.method == http::Method::kGet);
  }
  if (const auto name = parse_init_name(path.name)) {
    const auto found = rendition->init_segments.find(path.name);
    if (found == rendition->init_segments.end()) return missing(view.presence_of_missing(*name));
    return init_segment(view, *rendition, found->second);
  }
  return missing(Presence::kUnknown);
}

http::Response Delivery::playlist(const http::Request& request, const StreamView& view,
                                  const StoredText& text, std::int64_t now_us) {
  if (!text.text) return missing(Presence::kUnknown);
  const std::int64_t target = view.target_duration_seconds;
  viewers_.seen(view.stream_id, request.peer_address, request.headers.find("User-Agent"), now_us,
                kViewerPatience * target * kMicroseconds);
  metrics_.playlist_served();
  if (request.method == http::Method::kGet) viewers_.sent(view.stream_id, text.text->size());
  // Also when it has ended: a publisher may come back, and the list goes on.
  return stored(text, kPlaylistType,
                "public, max-age=" + std::to_string(std::max<std::int64_t>(target / 2, 1)));
}

http::Response Delivery::init_segment(const StreamView& view, const RenditionView& rendition,
                                      const StoredText& text) {
  metrics_.init_segment_served();
  viewers_.sent(view.stream_id, text.text->size());
  return stored(text, rendition.content_type, kForEver);
}

http::Response Delivery::segment(const StreamView& view, const RenditionView& rendition,
                                 const SegmentName& name, bool with_body) {
  const OfferedSegment& offered = view.segment(name);
  const auto file = offered.file(view.track(rendition, name));
  if (!file) return missing(Presence::kGone);
  if (with_body) {
    metrics_.segment_served(file->size);
    viewers_.sent(view.stream_id, file->size);
  }
  http::Response response;
  response.headers.set("Content-Type", rendition.content_type);
  response.headers.set("Cache-Control", kForEver);
  response.headers.set("ETag", offered.etag());
  response.body =
      http::MappedRegions{file->parts, file, [watched = file.get()] { return watched->intact(); }};
  return response;
}

http::Response Delivery::missing(Presence presence) {
  const bool past = presence == Presence::kGone;
  past ? metrics_.gone() : metrics_.not_found();
  http::Response response =
      past ? http::Response::problem(410, "packaging.gone", "it was there once")
           : http::Response::problem(404, "packaging.not_found", "there is no such thing");
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace millrace::packaging
