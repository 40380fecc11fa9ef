#include "delivery.hpp"

#include <algorithm>

namespace millrace::packaging {
namespace {

constexpr std::string_view kForEver = "public, max-age=31536000, immutable";
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

std::string_view media_type(const std::array<std::optional<std::uint32_t>, kTracks>& configurations) {
  return configurations[kVideo] ? "video/mp4" : "audio/mp4";
}

}  // namespace

void allow_every_origin(http::Response& response) {
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, ETag");
  response.headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  response.headers.set("X-Content-Type-Options", "nosniff");
}

http::Response Delivery::answer(const http::Request& request, std::int64_t now_us) {
  http::Response response;
  if (request.method == http::Method::kOptions) {
    response = preflight();
  } else if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    response = http::Response::problem(405, "packaging.method");
    response.headers.set("Allow", "GET, HEAD, OPTIONS");
  } else if (const auto path = parse_stream_path(request.path)) {
    response = answer_stream(request, *path, now_us);
  } else {
    response = missing(Presence::kUnknown);
  }
  allow_every_origin(response);
  return response;
}

http::Response Delivery::answer_stream(const http::Request& request, const StreamPath& path,
                                       std::int64_t now_us) {
  const auto view = views_.find(path.stream_id);
  if (!view) return missing(Presence::kUnknown);
  if (view->is_private) return not_for_strangers();
  if (path.name == kMediaPlaylistName) return playlist(request, *view, view->media_playlist, now_us);
  if (path.name == kMultivariantPlaylistName)
    return playlist(request, *view, view->multivariant_playlist, now_us);
  if (const auto name = parse_segment_name(path.name)) {
    const Presence presence = view->presence(*name);
    if (presence != Presence::kHere) return missing(presence);
    return segment(*view, view->segment(*name), request.method == http::Method::kGet);
  }
  if (const auto name = parse_init_name(path.name)) {
    const auto found = view->init_segments.find(path.name);
    if (found == view->init_segments.end()) return missing(view->presence_of_missing(*name));
    return init_segment(*view, found->second);
  }
  return missing(Presence::kUnknown);
}

http::Response Delivery::playlist(const http::Request& request, const StreamView& view,
                                  const StoredText& text, std::int64_t now_us) {
  const std::int64_t target = view.target_duration_seconds;
  viewers_.seen(view.stream_id, request.peer_address, request.headers.find("User-Agent"), now_us,
                kViewerPatience * target * kMicroseconds);
  metrics_.playlist_served();
  if (request.method == http::Method::kGet) viewers_.sent(view.stream_id, text.text->size());
  // Also when it has ended: a publisher may come back, and the list goes on.
  return stored(text, kPlaylistType,
                "public, max-age=" + std::to_string(std::max<std::int64_t>(target / 2, 1)));
}

http::Response Delivery::init_segment(const StreamView& view, const StoredText& text) {
  metrics_.init_segment_served();
  viewers_.sent(view.stream_id, text.text->size());
  return stored(text, media_type(view.offered.back()->segment().configurations), kForEver);
}

http::Response Delivery::segment(const StreamView& view, const OfferedSegment& segment, bool with_body) {
  const auto file = segment.file();
  if (!file) return missing(Presence::kGone);
  if (with_body) {
    metrics_.segment_served(file->size);
    viewers_.sent(view.stream_id, file->size);
  }
  http::Response response;
  response.headers.set("Content-Type", media_type(segment.segment().configurations));
  response.headers.set("Cache-Control", kForEver);
  response.headers.set("ETag", segment.etag());
  response.body =
      http::MappedRegions{file->parts, file, [watched = file.get()] { return watched->intact(); }};
  return response;
}

// Every object of the stream alike, and nothing that a cache could keep.
http::Response Delivery::not_for_strangers() {
  metrics_.forbidden();
  http::Response response = http::Response::problem(403, "packaging.private", "this stream is private");
  response.headers.set("Cache-Control", "no-store");
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
