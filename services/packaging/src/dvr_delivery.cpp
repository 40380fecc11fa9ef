#include "dvr_delivery.hpp"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "caching.hpp"
#include "http/selection.hpp"
#include "list_request.hpp"
#include "manifest/dash/template_query.hpp"
#include "manifest/hls/uri_query.hpp"
#include "recorded_media.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

http::Response busy() {
  http::Response response = http::Response::problem(503, "packaging.busy", "recordings are being read");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Retry-After", "1");
  return response;
}

http::Response nothing(std::string_view why) {
  http::Response response = http::Response::problem(404, "packaging.no_past", why);
  response.headers.set("Cache-Control", cache::kMissing);
  return response;
}

void send(const http::Responder& responder, http::Response response) {
  allow_every_origin(response);
  responder(std::move(response));
}

PlaylistForm form_of(const hls::DeliveryDirectives& directives) {
  return directives.skip == hls::Skip::kNothing ? PlaylistForm::kPlain : PlaylistForm::kDelta;
}

// So that whoever sends the pieces does not wait for the disk: of what the answer carries.
void bring_into_memory(const http::FilePieces& file, http::Selection selected) {
  constexpr std::size_t kBytes = 256UL * 1024;
  thread_local std::vector<std::uint8_t> buffer(kBytes);
  std::uint64_t begin = 0;  // of the piece
  const std::uint64_t end = selected.offset + selected.length;
  for (const http::FilePieces::Piece& piece : file.pieces) {
    const std::uint64_t first = std::max(begin, selected.offset) - begin;
    const std::uint64_t last = std::min(begin + piece.size, std::max(end, begin)) - begin;
    begin += piece.size;
    if (!piece.file) continue;
    for (std::uint64_t done = first; done < last;) {
      const ssize_t count =
          ::pread(piece.file->descriptor(), buffer.data(), std::min<std::uint64_t>(kBytes, last - done),
                  static_cast<off_t>(piece.offset + done));
      if (count <= 0) return;
      done += static_cast<std::uint64_t>(count);
    }
  }
}

RecordedSegmentPtr find(const std::vector<RecordedSegmentPtr>& segments, const SegmentName& name) {
  const auto found = std::lower_bound(segments.begin(), segments.end(), name.media_sequence,
                                      [](const RecordedSegmentPtr& segment, std::uint64_t media_sequence) {
                                        return segment->segment.media_sequence < media_sequence;
                                      });
  return found != segments.end() && segment_name((*found)->segment) == name ? *found : nullptr;
}

// Also what is whole only where nothing follows.
RecordedSegmentPtr find(const Recorded& recorded, const SegmentName& name) {
  auto found = find(recorded.segments, name);
  return found ? found : find(recorded.rest, name);
}

const TrackSpan* span_of(const RecordedSegment& segment, std::string_view rendition) {
  for (const TrackSpan& span : segment.segment.tracks) {
    if (to_string(rendition_name(span.kind, span.track)) == rendition) return &span;
  }
  return nullptr;
}

// The one that a segment of the rendition refers to, with that segment.
std::pair<RecordedSegmentPtr, std::shared_ptr<const TrackDescription>> find(const Recorded& recorded,
                                                                            std::string_view rendition,
                                                                            const InitName& name) {
  for (const auto* const segments : {&recorded.segments, &recorded.rest}) {
    for (const RecordedSegmentPtr& segment : *segments) {
      if (segment->segment.publication_id != name.publication_id) continue;
      const TrackSpan* const span = span_of(*segment, rendition);
      if (span == nullptr || init_name(segment->segment, *span) != name) continue;
      const auto place = static_cast<std::size_t>(span - segment->segment.tracks.data());
      return {segment, segment->descriptions[place]};
    }
  }
  return {};
}

// Made for who asks. Without a text: there is no such list.
StoredText text_of_clip(const std::shared_ptr<const Offering>& clip, const StreamPath& path,
                        PlaylistForm form) {
  if (path.is_dvr_manifest()) return DashPresentation().update(*clip).plain;
  if (path.rendition.empty()) return MultivariantPlaylistTexts(clip).text();
  const auto found =
      std::find_if(clip->renditions.begin(), clip->renditions.end(),
                   [&](const Rendition& one) { return to_string(one.name) == path.rendition; });
  return found == clip->renditions.end() ? StoredText{} : MediaPlaylistTexts(clip, *found).text(form);
}

// The segment that has what is asked for, or refers to it. nullptr: there is none.
RecordedSegmentPtr holder(const Recorded& recorded, const StreamPath& path) {
  if (const auto name = parse_segment_name(path.name)) return find(recorded, *name);
  const auto name = parse_init_name(path.name);
  return name ? find(recorded, path.rendition, *name).first : nullptr;
}

// And the files are what they were: not deleted, nor finished, which makes others of them.
bool is_known(const Recorded& recorded, const StreamPath& path) {
  const RecordedSegmentPtr segment = holder(recorded, path);
  return segment && std::all_of(segment->shares.begin(), segment->shares.end(), is_there);
}

// Nothing is recorded that the log does not have yet.
bool is_to_come(const Offering* live, const StreamPath& path) {
  const auto name = parse_segment_name(path.name);
  return name && live != nullptr && !live->listing.offered.empty() &&
         name->media_sequence > live->listing.offered.back().media_sequence;
}

// Whoever asks is answered, also where there is no memory for the answer.
template <class Make>
void answer(const http::Responder& responder, Make&& make) {
  try {
    make();
  } catch (const std::bad_alloc&) {
    send(responder, busy());
  }
}

}  // namespace

bool DvrDelivery::is_list(const http::Request& request) {
  const bool reads = request.method == http::Method::kGet || request.method == http::Method::kHead;
  const auto path = parse_stream_path(request.path);
  return reads && path && (path->is_dvr_playlist() || path->is_dvr_manifest());
}

bool DvrDelivery::may_have(const http::Request& request, const http::Response& answer) {
  if (answer.status != 404 && answer.status != 410) return false;
  const auto path = parse_stream_path(request.path);
  return path && !path->rendition.empty() && (parse_segment_name(path->name) || parse_init_name(path->name));
}

PlaybackGate::Access DvrDelivery::admit(const PendingRequest& pending, const Recorded* recorded,
                                        const Offering* live, std::int64_t grace_s) const {
  const bool is_marked = live != nullptr ? live->is_private : recorded && packaging::is_private(*recorded);
  PlaybackGate::Access access =
      gate_.admit(pending.request, pending.stream_id, is_marked, pending.wall, grace_s);
  if (access.refusal) metrics_.refused_by_gate(access.refusal->status);
  return access;
}

// It takes a place among those that wait as long as it is somebody's.
DvrDelivery::PendingRequestPtr DvrDelivery::take(http::Request&& request, const http::Responder& responder,
                                                 std::int64_t now_us, WallTime wall) const {
  auto made = std::make_shared<PendingRequest>(
      PendingRequest{std::move(request), responder, now_us, wall, {}, {}, {}, false});
  made->path = *parse_stream_path(made->request.path);
  made->stream_id = made->path.stream_id;
  if (auto place = places_->take(made->request.peer_address)) {
    made->place = std::move(*place);
    made->has_place = true;
  }
  return made;
}

void DvrDelivery::serve_list(http::Request&& request, const http::Responder& responder, std::int64_t now_us,
                             WallTime wall) {
  const PendingRequestPtr pending = take(std::move(request), responder, now_us, wall);
  // As far as it is known before anything is read.
  const auto view = views_.find(pending->stream_id);
  const auto known = archive_.remembered(pending->stream_id);
  PlaybackGate::Access access = admit(*pending, known.get(), view ? view->offering.get() : nullptr, 0);
  if (access.refusal) return send(responder, std::move(*access.refusal));
  if (auto refusal = read_query(*pending)) return send(responder, std::move(*refusal));
  if (!pending->has_place) return send(responder, busy());
  archive_.find(pending->stream_id, view != nullptr, now_us,
                [this, pending](const DvrArchive::Stream* stream) {
                  if (!pending->responder.connected()) return;
                  if (stream == nullptr) return send(pending->responder, busy());
                  answer(pending->responder, [&] { send(pending->responder, list(*pending, *stream)); });
                });
}

std::optional<http::Response> DvrDelivery::read_query(PendingRequest& pending) {
  const http::Request& request = pending.request;
  const auto refuse = [this](const Error& error) {
    metrics_.refused();
    return refused_directive(error.message);
  };
  auto clip = manifest::parse_clip(request.raw_query, request.query);
  if (!clip) return refuse(clip.error());
  pending.clip = std::move(*clip);
  if (!pending.path.is_dvr_playlist() || pending.path.rendition.empty()) return std::nullopt;
  const auto directives = hls::parse_directives(request.query);
  if (!directives) return refuse(directives.error());
  pending.form = form_of(*directives);
  return std::nullopt;
}

http::Response DvrDelivery::list(const PendingRequest& pending, const DvrArchive::Stream& stream) {
  const auto view = views_.find(pending.stream_id);
  const Offering* const live = view ? view->offering.get() : nullptr;
  PlaybackGate::Access access = admit(pending, stream.recorded.get(), live, 0);
  if (access.refusal) return std::move(*access.refusal);
  http::Response response = list_of(pending, stream, live, access.is_public);
  if (!access.is_public) response.headers.set("Cache-Control", cache::kForOneViewer);
  return response;
}

// Of a stream that is live there are lists whatever is recorded: recording may be late, or down, and what was
// shown stays.
http::Response DvrDelivery::list_of(const PendingRequest& pending, const DvrArchive::Stream& stream,
                                    const Offering* live, bool is_public) {
  const StreamPath& path = pending.path;
  const Recorded& recorded = *stream.recorded;
  if (path.is_dvr_manifest() ? !protocols_.dash : !protocols_.hls) return nothing("there are no such lists");
  const bool is_recorded = !recorded.segments.empty() || !recorded.rest.empty();
  if (!stream.lists || (live == nullptr && !is_recorded))
    return nothing("there is nothing of this stream, neither live nor recorded");
  const auto texts = stream.lists->texts(recorded, live, archive_.window_us(), pending.wall);
  if (!texts->offering) return nothing("there is nothing of this stream yet");
  const std::uint32_t target_s = texts->offering->listing.target_duration_seconds;
  viewers_.seen(pending.stream_id, pending.request.peer_address, viewer_name(pending.request), pending.now_us,
                kPatienceTargets * target_s * kMicroseconds);
  const StoredText text = text_of(pending, stream, live, *texts);
  if (!text.text) return nothing("there is no such list");
  const bool is_shared = is_public && pending.clip.is_all();
  http::Response response = is_shared ? shared(pending, text) : own(pending, text, is_public, *stream.lists);
  if (response.status != 200) return response;
  metrics_.playlist_served();
  if (pending.request.method == http::Method::kGet) viewers_.sent(pending.stream_id, text.text->size());
  response.headers.set("Content-Type", path.is_dvr_manifest() ? kManifestType : kPlaylistType);
  response.headers.set("ETag", text.etag);
  if (is_public) response.headers.set("Cache-Control", cache::of_list(target_s));
  return response;
}

StoredText DvrDelivery::text_of(const PendingRequest& pending, const DvrArchive::Stream& stream,
                                const Offering* live, const DvrTexts& texts) const {
  const StreamPath& path = pending.path;
  if (!pending.clip.is_all()) {
    const auto clip = dvr_clip(*texts.offering, pending.clip);
    return clip ? text_of_clip(clip, path, pending.form) : StoredText{};
  }
  if (path.is_dvr_manifest())
    return stream.lists->manifest(*stream.recorded, live, archive_.window_us(), pending.wall);
  if (path.rendition.empty()) return texts.multivariant->text();
  const auto found = texts.media.find(path.rendition);
  return found == texts.media.end() ? StoredText{} : found->second->text(pending.form);
}

http::Response DvrDelivery::shared(const PendingRequest& pending, const StoredText& text) const {
  http::Response response;
  if (text.codings && takes_gzip(pending.request)) {
    response.body = text.codings->get(*text.text);
  } else {
    response.body = text.text;
  }
  return response;
}

http::Response DvrDelivery::own(const PendingRequest& pending, const StoredText& text, bool is_public,
                                DvrLists& lists) const {
  if (!lists.has_room_for(text.text->size())) return busy();
  const StreamPath& path = pending.path;
  std::string query = path.is_dvr_playlist() && path.rendition.empty() ? pending.clip.query : std::string();
  if (!is_public) {
    if (!query.empty()) query += '&';
    query.append("token=").append(pending.request.parameter(PlaybackGate::kParameter));
  }
  std::string made = *text.text;
  if (!query.empty())
    made = path.is_dvr_manifest() ? dash::with_template_query(made, query) : hls::with_uri_query(made, query);
  auto body = lists.hand_out(std::move(made));
  if (!body) return busy();
  http::Response response;
  response.body = std::move(body);
  return response;
}

void DvrDelivery::serve_object(http::Request&& request, const http::Responder& responder,
                               http::Response missing, std::int64_t now_us, WallTime wall) {
  const PendingRequestPtr pending = take(std::move(request), responder, now_us, wall);
  const auto view = views_.find(pending->stream_id);
  const Offering* const live = view ? view->offering.get() : nullptr;
  if (is_to_come(live, pending->path)) return responder(std::move(missing));
  // As far as it is known before anything is read.
  const auto known = archive_.remembered(pending->stream_id);
  PlaybackGate::Access access = admit(*pending, known.get(), live, PlaybackGate::kSegmentGraceSeconds);
  if (access.refusal) return send(responder, std::move(*access.refusal));
  pending->missing = std::move(missing);
  pending->is_live = live != nullptr;
  if (!known || !holder(*known, pending->path)) return find_object(pending);
  const auto read = [this, pending, known] {
    if (!pending->responder.connected()) return;
    answer(pending->responder, [&] {
      if (!is_known(*known, pending->path)) return find_object(pending);
      object(*pending, *known);
    });
  };
  if (!pending->has_place || !archive_.post(read)) send(responder, busy());
}

// Where too many wait, who watches live is answered as without a past.
void DvrDelivery::find_object(const PendingRequestPtr& pending) {
  const auto found = [this, pending](const DvrArchive::Stream* stream) {
    if (!pending->responder.connected()) return;
    if (stream == nullptr) return send(pending->responder, pending->is_live ? pending->missing : busy());
    answer(pending->responder, [&] { object(*pending, *stream->recorded); });
  };
  if (!pending->has_place) return found(nullptr);
  archive_.find(pending->stream_id, pending->is_live, pending->now_us, found);
}

// On a thread that may wait for the disk.
void DvrDelivery::object(const PendingRequest& pending, const Recorded& recorded) {
  const http::Request& request = pending.request;
  const StreamPath& path = pending.path;
  const auto view = views_.find(pending.stream_id);
  PlaybackGate::Access access =
      admit(pending, &recorded, view ? view->offering.get() : nullptr, PlaybackGate::kSegmentGraceSeconds);
  if (access.refusal) return send(pending.responder, std::move(*access.refusal));
  std::optional<http::Response> found;
  if (const auto name = parse_segment_name(path.name)) {
    const RecordedSegmentPtr recorded_segment = find(recorded, *name);
    const TrackSpan* const span = recorded_segment ? span_of(*recorded_segment, path.rendition) : nullptr;
    if (span != nullptr && !(access.is_public && recorded_segment->log.is_private))
      found = segment(request, *recorded_segment, *span);
  } else if (const auto init = parse_init_name(path.name)) {
    const auto [with, description] = packaging::find(recorded, path.rendition, *init);
    if (with && !(access.is_public && with->log.is_private)) found = init_segment(*description);
  }
  if (!found) found = pending.missing;
  if (!access.is_public) found->headers.set("Cache-Control", cache::kForOneViewer);
  if (found->status != 200) return send(pending.responder, std::move(*found));
  found->headers.set("Content-Type", path.rendition.front() == 'v' ? "video/mp4" : "audio/mp4");
  if (request.method == http::Method::kGet) viewers_.sent(pending.stream_id, http::body_size(found->body));
  send(pending.responder, std::move(*found));
}

http::Response DvrDelivery::segment(const http::Request& request, const RecordedSegment& segment,
                                    const TrackSpan& span) {
  http::Response response;
  response.headers.set("Cache-Control", cache::kForEver);
  response.headers.set("ETag", '"' + to_string(segment_name(segment.segment)) + '"');
  if (http::select(request, response, 0).status == 304) return response;
  std::vector<media::RecordedPiece> pieces;
  for (const RecordedShare& share : segment.shares) {
    auto piece = read_piece(share);
    if (!piece) return busy();
    pieces.push_back(std::move(*piece));
  }
  auto file = recorded_media(segment, span, pieces);
  if (!file) return nothing(file.error().message);
  response.body = std::move(*file);
  const std::uint64_t size = http::body_size(response.body);
  if (request.method == http::Method::kGet) {
    bring_into_memory(std::get<http::FilePieces>(response.body), http::select(request, response, size));
    metrics_.segment_served(size);
  }
  return response;
}

http::Response DvrDelivery::init_segment(const TrackDescription& description) {
  const StoredText init = store_text(std::string(as_text(packaging::init_segment(description))));
  http::Response response;
  response.headers.set("Cache-Control", cache::kForEver);
  response.headers.set("ETag", init.etag);
  response.body = init.text;
  metrics_.init_segment_served();
  return response;
}

}  // namespace millrace::packaging
