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
// A blocking answer may be kept for so many target durations (RFC 8216bis B.1): its query names what is in
// it.
constexpr std::int64_t kBlockingTargets = 6;

http::Response preflight() {
  http::Response response;
  response.status = 204;
  response.headers.set("Allow", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers", "Range, If-None-Match");
  response.headers.set("Access-Control-Max-Age", "86400");
  return response;
}

std::string max_age(std::int64_t seconds) {
  return "public, max-age=" + std::to_string(seconds);
}

// Old players, by the address they were given.
bool asks_for_plain(const http::Request& request) {
  return request.parameter("ll") == "0";
}

PlaylistForm form_of(const http::Request& request, const hls::DeliveryDirectives& directives) {
  if (asks_for_plain(request)) return PlaylistForm::kPlain;
  if (directives.skip == hls::Skip::kSegments) return PlaylistForm::kDelta;
  return directives.skip == hls::Skip::kDateRanges ? PlaylistForm::kDeltaOfDates : PlaylistForm::kFull;
}

http::Response mapped(const std::shared_ptr<const SegmentFile>& file, std::string_view etag,
                      std::string_view content_type) {
  http::Response response;
  response.headers.set("Content-Type", content_type);
  response.headers.set("Cache-Control", kForEver);
  response.headers.set("ETag", etag);
  response.body =
      http::MappedRegions{file->regions, file, [watched = file.get()] { return watched->intact(); }};
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
  Answer response;
  if (request.method == http::Method::kOptions) {
    response = preflight();
  } else if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    response = http::Response::problem(405, "packaging.method");
    response->headers.set("Allow", "GET, HEAD, OPTIONS");
  } else if (const auto path = parse_stream_path(request.path)) {
    response = answer_stream(request, *path, now_us, wall);
  } else {
    response = missing(Presence::kUnknown);
  }
  if (!response) response = missing(Presence::kUnknown);
  allow_every_origin(*response);
  return std::move(*response);
}

Delivery::Answer Delivery::answer_stream(const http::Request& request, const StreamPath& path,
                                         std::int64_t now_us, WallTime wall) {
  const playback::Standing standing = gate_.revocations.standing(path.stream_id);
  if (standing == playback::Standing::kBarred) metrics_.not_found();
  if (Answer closed = gate_.closed(standing)) return closed;
  const auto view = views_.find(path.stream_id);
  if (!view) return missing(Presence::kUnknown);
  if (!view->is_private && standing == playback::Standing::kPublic)
    return object(request, *view, path, now_us);
  const bool list = path.is_playlist();
  PlaybackGate::Decision decision =
      gate_.judge(request, path.stream_id, wall, list ? 0 : PlaybackGate::kSegmentGraceSeconds);
  if (decision.refusal) {
    metrics_.forbidden();
    return std::move(decision.refusal);
  }
  Answer response = object(request, *view, path, now_us);
  if (!response) return response;
  if (response->status == 200) response->headers.set("Cache-Control", kForOneViewer);
  if (const auto* const text = std::get_if<std::shared_ptr<const std::string>>(&response->body);
      list && text) {
    // A good token has no character that would have to be escaped.
    response->body =
        hls::with_uri_query(**text, "token=" + std::string(request.parameter(PlaybackGate::kParameter)));
  }
  return response;
}

Delivery::Answer Delivery::object(const http::Request& request, const StreamView& view,
                                  const StreamPath& path, std::int64_t now_us) {
  if (!path.rendition.empty()) return rendition_object(request, view, path, now_us);
  if (!path.is_playlist() || !view.multivariant_playlist) return missing(Presence::kUnknown);
  const PlaylistForm form = asks_for_plain(request) ? PlaylistForm::kPlain : PlaylistForm::kFull;
  return playlist(request, view, view.multivariant_playlist->text(form), now_us);
}

Delivery::Answer Delivery::rendition_object(const http::Request& request, const StreamView& view,
                                            const StreamPath& path, std::int64_t now_us) {
  const RenditionView* const rendition = view.rendition(path.rendition);
  if (rendition == nullptr) return missing(Presence::kUnknown);
  if (path.is_playlist()) return media_playlist(request, view, *rendition, now_us);
  if (const auto name = parse_segment_name(path.name)) return segment(request, view, *rendition, *name);
  if (const auto name = parse_part_name(path.name)) return part(request, view, *rendition, *name);
  if (const auto name = parse_init_name(path.name)) {
    const auto found = rendition->init_segments.find(path.name);
    if (found == rendition->init_segments.end()) return missing(view.presence_of_missing(*name));
    return init_segment(view, *rendition, found->second);
  }
  return missing(Presence::kUnknown);
}

// RFC 8216bis 6.2.5: a list that has ended is given as it is.
Delivery::Answer Delivery::media_playlist(const http::Request& request, const StreamView& view,
                                          const RenditionView& rendition, std::int64_t now_us) {
  if (!rendition.playlist) return missing(Presence::kUnknown);
  hls::DeliveryDirectives directives;
  hls::ListEnd end = rendition.list_end;
  if (asks_for_plain(request)) end.part_target_us = 0;
  if (!view.ended) {
    auto read = hls::parse_directives(request.query);
    if (!read) return refuse(read.error().message);
    directives = *read;
    const hls::Readiness readiness = hls::readiness(directives, end);
    if (readiness == hls::Readiness::kTooFar) return refuse("it is too far ahead of the playlist");
    if (readiness == hls::Readiness::kWait) return std::nullopt;
  }
  const StoredText& text = rendition.playlist->text(form_of(request, directives));
  http::Response response = playlist(request, view, text, now_us);
  if (directives.media_sequence)
    response.headers.set("Cache-Control", max_age(kBlockingTargets * view.target_duration_seconds));
  metrics_.playlist_age(static_cast<double>(std::max<std::int64_t>(now_us - view.newest_us, 0)) / 1e6);
  return response;
}

http::Response Delivery::refuse(std::string_view why) {
  metrics_.refused();
  http::Response response = http::Response::problem(400, "packaging.directive", why);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

http::Response Delivery::playlist(const http::Request& request, const StreamView& view,
                                  const StoredText& text, std::int64_t now_us) {
  const std::int64_t target = view.target_duration_seconds;
  viewers_.seen(view.stream_id, request.peer_address, request.headers.find("User-Agent"), now_us,
                kViewerPatience * target * kMicroseconds);
  metrics_.playlist_served();
  if (request.method == http::Method::kGet) viewers_.sent(view.stream_id, text.text->size());
  // Also when it has ended: a publisher may come back, and the list goes on.
  return stored(text, kPlaylistType, max_age(std::max<std::int64_t>(target / 2, 1)));
}

http::Response Delivery::init_segment(const StreamView& view, const RenditionView& rendition,
                                      const StoredText& text) {
  metrics_.init_segment_served();
  viewers_.sent(view.stream_id, text.text->size());
  return stored(text, rendition.content_type, kForEver);
}

Delivery::Answer Delivery::segment(const http::Request& request, const StreamView& view,
                                   const RenditionView& rendition, const SegmentName& name) {
  if (view.is_awaited(name)) return std::nullopt;
  const Presence presence = view.presence(rendition, name);
  if (presence != Presence::kHere) return missing(presence);
  const OfferedSegment& offered = view.segment(name);
  const auto file = offered.file(view.track(rendition, name));
  if (!file) return missing(Presence::kGone);
  if (request.method == http::Method::kGet) {
    metrics_.segment_served(file->size);
    viewers_.sent(view.stream_id, file->size);
  }
  return mapped(file, offered.etag(), rendition.content_type);
}

Delivery::Answer Delivery::part(const http::Request& request, const StreamView& view,
                                const RenditionView& rendition, const PartName& name) {
  if (view.is_awaited(rendition, name)) return std::nullopt;
  const auto place = view.find(rendition, name);
  if (!place) return missing(view.presence_of_missing(rendition, name));
  const auto file = place->segment->part_file(place->track, place->index);
  if (!file) return missing(Presence::kGone);
  if (request.method == http::Method::kGet) {
    metrics_.part_served(file->size);
    viewers_.sent(view.stream_id, file->size);
  }
  return mapped(file, '"' + to_string(name) + '"', rendition.content_type);
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
