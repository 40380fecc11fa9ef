#include "delivery.hpp"

#include <algorithm>
#include <array>

#include "caching.hpp"
#include "cmcd.hpp"
#include "gap_segment.hpp"
#include "list_request.hpp"
#include "manifest/dash/template_query.hpp"
#include "manifest/hls/uri_query.hpp"
#include "server_time.hpp"

namespace millrace::packaging {
namespace {

constexpr std::uint32_t kMostBufferMs = 3'600'000;  // what a player may claim to have left
// Common Media Client Data where it is not in the query.
constexpr std::array<std::string_view, 3> kReportFields = {"CMCD-Session", "CMCD-Request", "CMCD-Status"};
constexpr std::int64_t kMicroseconds = 1'000'000;
// A blocking answer may be kept for so many target durations (RFC 8216bis B.1): its query names what is in
// it.
constexpr std::int64_t kBlockingTargets = 6;

http::Response preflight() {
  http::Response response;
  response.status = 204;
  response.headers.set("Allow", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers",
                       "Range, If-None-Match, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status");
  response.headers.set("Access-Control-Max-Age", "86400");
  return response;
}

ClientReport client_report(const http::Request& request) {
  ClientReport report;
  read_client_report(request.parameter("CMCD"), report);
  for (const std::string_view field : kReportFields) read_client_report(request.headers.find(field), report);
  return report;
}

PlaylistForm form_of(const http::Request& request, const hls::DeliveryDirectives& directives) {
  if (asks_for_plain(request)) return PlaylistForm::kPlain;
  if (directives.skip == hls::Skip::kSegments) return PlaylistForm::kDelta;
  return directives.skip == hls::Skip::kDateRanges ? PlaylistForm::kDeltaOfDates : PlaylistForm::kFull;
}

http::Response other_method() {
  http::Response response = http::Response::problem(405, "packaging.method");
  response.headers.set("Allow", "GET, HEAD, OPTIONS");
  return response;
}

// The same for all who wait for the same of a public stream.
std::string wanted(const StreamPath& path, const hls::DeliveryDirectives& directives, PlaylistForm form,
                   bool compressed) {
  std::string text(path.rendition);
  for (const auto& number : {directives.media_sequence, directives.part})
    text += '/' + (number ? std::to_string(*number) : "");
  return text + '/' + std::to_string(static_cast<int>(form)) + (compressed ? "z" : "");
}

}  // namespace

std::string viewer_name(const http::Request& request) {
  const std::string session = client_report(request).session;
  return session.empty() ? std::string(request.headers.find("User-Agent")) : "sid:" + session;
}

http::Response stored(const StoredText& text, std::string_view content_type, std::string_view cache_control) {
  http::Response response;
  response.headers.set("Content-Type", content_type);
  response.headers.set("Cache-Control", cache_control);
  response.headers.set("ETag", text.etag);
  response.body = text.text;
  return response;
}

void allow_every_origin(http::Response& response) {
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.set("Access-Control-Expose-Headers",
                       "Content-Length, Content-Range, Date, ETag, Retry-After");
  response.headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  response.headers.set("X-Content-Type-Options", "nosniff");
}

Delivery::Outcome Delivery::answer(const http::Request& request, std::int64_t now_us, WallTime wall,
                                   bool again) {
  Outcome outcome;
  if (request.method == http::Method::kOptions) {
    outcome = preflight();
  } else if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    outcome = other_method();
  } else if (request.path == kTimePath) {
    outcome = server_time(clock(request, now_us, wall));
  } else if (const auto path = parse_stream_path(request.path)) {
    outcome = answer_stream(request, *path, now_us, wall, again);
  } else {
    outcome = missing(Presence::kUnknown);
  }
  if (auto* const response = std::get_if<http::Response>(&outcome)) allow_every_origin(*response);
  return outcome;
}

WallTime Delivery::clock(const http::Request& request, std::int64_t now_us, WallTime wall) const {
  const auto view = views_.find(request.parameter(kTimeParameter));
  return view ? view->clock(now_us).value_or(wall) : wall;
}

// Of what is being sent for a while.
bool Delivery::may_go_on(const std::string& stream_id, const std::optional<playback::Claims>& claims,
                         WallTime wall) const {
  const auto view = views_.find(stream_id);
  return view && gate_.may_go_on(stream_id, view->is_private, claims,
                                 wall - PlaybackGate::kSegmentGraceSeconds * kMicroseconds);
}

Delivery::Outcome Delivery::answer_stream(const http::Request& request, const StreamPath& path,
                                          std::int64_t now_us, WallTime wall, bool again) {
  const auto refuse_by_gate = [this](http::Response refusal) {
    metrics_.refused_by_gate(refusal.status);
    return refusal;
  };
  if (auto closed = gate_.closed(path.stream_id)) return refuse_by_gate(std::move(*closed));
  const auto view = views_.find(path.stream_id);
  if (!view) return missing(Presence::kUnknown);
  // Also of what was waited for: the token may have been taken back meanwhile.
  const bool list = path.is_playlist() || path.is_manifest();
  PlaybackGate::Access access = gate_.admit(request, path.stream_id, view->is_private, wall,
                                            list ? 0 : PlaybackGate::kSegmentGraceSeconds);
  if (access.refusal) return refuse_by_gate(std::move(*access.refusal));
  const Question question{request, path, *view, now_us, wall, again, access};
  return access.is_public ? object(question) : private_object(question);
}

Delivery::Outcome Delivery::private_object(const Question& question) {
  const http::Request& request = question.request;
  const bool list = question.path.is_playlist() || question.path.is_manifest();
  Outcome outcome = object(question);
  auto* const response = std::get_if<http::Response>(&outcome);
  if (response == nullptr) return outcome;
  response->headers.set("Cache-Control", cache::kForOneViewer);
  if (const auto* const text = std::get_if<std::shared_ptr<const std::string>>(&response->body);
      list && text) {
    // A good token has no character that would have to be escaped.
    const std::string query = "token=" + std::string(request.parameter(PlaybackGate::kParameter));
    response->body = question.path.is_manifest() ? dash::with_template_query(**text, query)
                                                 : hls::with_uri_query(**text, query);
  }
  return outcome;
}

Delivery::Outcome Delivery::object(const Question& question) {
  if (!question.again) count_report(question.request);
  const StreamPath& path = question.path;
  const auto& multivariant = question.view.multivariant_playlist;
  if (path.is_playlist() && !protocols_.hls) return missing(Presence::kUnknown);
  if (path.is_manifest()) return manifest(question);
  if (!path.rendition.empty()) return rendition_object(question);
  if (!path.is_playlist() || !multivariant) return missing(Presence::kUnknown);
  const StoredText& text = multivariant->text(form_of(question.request, {}));
  count_playlist(question, text);
  return playlist(question, text, kPlaylistType);
}

http::Response Delivery::manifest(const Question& question) {
  const auto& manifests = question.view.manifests;
  const StoredText& text = asks_for_plain(question.request) ? manifests.plain : manifests.full;
  if (!protocols_.dash || !text.text) return missing(Presence::kUnknown);
  count_playlist(question, text);
  return playlist(question, text, kManifestType);
}

Delivery::Outcome Delivery::rendition_object(const Question& question) {
  const StreamView& view = question.view;
  const StreamPath& path = question.path;
  const RenditionView* const rendition = view.rendition(path.rendition);
  if (rendition == nullptr) return missing(Presence::kUnknown);
  if (path.is_playlist()) return media_playlist(question, *rendition);
  if (const auto name = parse_segment_name(path.name)) return segment(question, *rendition, *name);
  if (const auto name = parse_part_name(path.name)) return part(question, *rendition, *name);
  if (const auto number = parse_gap_name(path.name)) return gap(question, *rendition, *number);
  if (const auto name = parse_init_name(path.name)) {
    const auto found = rendition->init_segments.find(path.name);
    if (found == rendition->init_segments.end()) return missing(rendition->presence_of_missing(*name));
    return init_segment(view, *rendition, found->second);
  }
  return missing(Presence::kUnknown);
}

// RFC 8216bis 6.2.5: of a list that has ended directives count for nothing.
Delivery::Outcome Delivery::media_playlist(const Question& question, const RenditionView& rendition) {
  const StreamView& view = question.view;
  if (!rendition.playlist) return missing(Presence::kUnknown);
  hls::DeliveryDirectives directives;
  const bool ended = view.has_ended(rendition);
  if (!ended) {
    auto read = hls::parse_directives(question.request.query);
    if (!read) return refuse(read.error().message);
    directives = *read;
  }
  const PlaylistForm form = form_of(question.request, directives);
  hls::ListEnd end = rendition.list_end;
  if (form == PlaylistForm::kPlain) end.part_target_us = 0;
  const hls::Readiness readiness = ended ? hls::Readiness::kReady : hls::readiness(directives, end);
  if (readiness == hls::Readiness::kTooFar) return refuse("it is too far ahead of the playlist");
  read_list(question, rendition, directives.media_sequence.has_value());
  // What it will be given later is about as long as what there is now.
  if (!question.again) count_playlist(question, rendition.playlist->text(form));
  if (readiness == hls::Readiness::kWait)
    return awaited(question, may_share(question)
                                 ? wanted(question.path, directives, form, takes_gzip(question.request))
                                 : "");
  const std::int64_t age_us = std::max<std::int64_t>(question.now_us - view.newest_us, 0);
  metrics_.playlist_age(static_cast<double>(age_us) / 1e6);
  http::Response response = playlist(question, rendition.playlist->text(form), kPlaylistType);
  if (directives.media_sequence)
    response.headers.set("Cache-Control", cache::max_age(kBlockingTargets * view.target_duration_seconds));
  return response;
}

// One answer is for all: of a stream that may become private meanwhile it must not be one with a token.
bool Delivery::may_share(const Question& question) {
  return question.access.is_public && question.request.parameter(PlaybackGate::kParameter).empty();
}

Delivery::Awaited Delivery::awaited(const Question& question, std::string answer) {
  return {question.view.stream_id, kPatienceTargets * question.view.target_duration_seconds * kMicroseconds,
          std::move(answer)};
}

http::Response Delivery::refuse(std::string_view why) {
  metrics_.refused();
  return refused_directive(why);
}

http::Response Delivery::playlist(const Question& question, const StoredText& text,
                                  std::string_view content_type) {
  http::Response response = stored(text, content_type, cache::of_list(question.view.target_duration_seconds));
  if (const std::string& base = question.path.base; !base.empty()) {
    // By the name of an older server: what is in it has the one address that it has.
    response.body = question.path.is_manifest() ? dash::with_template_base(*text.text, base)
                                                : hls::with_uri_base(*text.text, base);
    response.body = std::make_shared<const std::string>(std::get<std::string>(std::move(response.body)));
    return response;
  }
  // What each viewer gets with a token of its own is not compressed for each.
  if (text.codings && question.access.is_public && takes_gzip(question.request))
    response.body = text.codings->get(*text.text);
  return response;
}

void Delivery::count_report(const http::Request& request) {
  const ClientReport report = client_report(request);
  if (report.starved) metrics_.player_starved();
  if (report.buffer_ms && *report.buffer_ms <= kMostBufferMs) metrics_.player_buffer(*report.buffer_ms / 1e3);
}

void Delivery::count_playlist(const Question& question, const StoredText& text) {
  const http::Request& request = question.request;
  const StreamView& view = question.view;
  viewers_.seen(view.stream_id, request.peer_address, viewer_name(request), question.now_us,
                kPatienceTargets * view.target_duration_seconds * kMicroseconds);
  metrics_.playlist_served();
  if (request.method == http::Method::kGet) viewers_.sent(view.stream_id, text.text->size());
}

http::Response Delivery::init_segment(const StreamView& view, const RenditionView& rendition,
                                      const StoredText& text) {
  metrics_.init_segment_served();
  viewers_.sent(view.stream_id, text.text->size());
  return stored(text, rendition.content_type, cache::kForEver);
}

http::Response Delivery::missing(Presence presence) {
  const bool past = presence == Presence::kGone;
  past ? metrics_.gone() : metrics_.not_found();
  http::Response response =
      past ? http::Response::problem(410, "packaging.gone", "it was there once")
           : http::Response::problem(404, "packaging.not_found", "there is no such thing");
  response.headers.set("Cache-Control", cache::kMissing);
  return response;
}

}  // namespace millrace::packaging
