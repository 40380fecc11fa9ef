// What Delivery answers for segments and parts.
#include "caching.hpp"
#include "delivery.hpp"
#include "gap_segment.hpp"
#include "growing_segment.hpp"
#include "list_request.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

// Of a stream with parts, once something of the rendition has come.
bool is_sent_growing(const http::Request& request, const RenditionView& rendition) {
  return request.method == http::Method::kGet && !request.headers.contains("Range") && rendition.growing &&
         rendition.list_end.part_target_us > 0;
}

// Arrival of the record that ended the part.
std::int64_t closed_us(const PartPlace& place) {
  return place.segment->segment().track(place.track)->parts[place.index].closed_us;
}

http::Response mapped(const std::shared_ptr<const SegmentFile>& file, std::string_view etag,
                      std::string_view content_type) {
  http::Response response;
  response.headers.set("Content-Type", content_type);
  response.headers.set("Cache-Control", cache::kForEver);
  response.headers.set("ETag", etag);
  response.body =
      http::MappedRegions{file->regions, file, [watched = file.get()] { return watched->intact(); }};
  return response;
}

}  // namespace

Delivery::Outcome Delivery::segment(const Question& question, const RenditionView& rendition,
                                    const SegmentName& name) {
  const StreamView& view = question.view;
  if (view.is_awaited(rendition, name)) {
    want(question, rendition, name.media_sequence);
    return is_sent_growing(question.request, rendition) ? growing(question, rendition, name)
                                                        : Outcome(awaited(question));
  }
  // What is refused of what the clock promised dash.js asks for sixteen times within 1.6 s, then for nothing.
  const bool was_promised = rendition.list_end.part_target_us > 0 && view.is_past_end(name);
  if (was_promised && view.ended) return nothing_of(question, rendition, name);
  if (view.is_next(name) || was_promised || view.is_due(name, question.now_us)) {
    want(question, rendition, view.growing ? view.growing->segment().media_sequence : 0);
    return awaited(question);
  }
  if (view.is_gap(rendition, name)) return nothing_of(question, rendition, name);
  const Presence presence = view.presence(rendition, name);
  if (presence != Presence::kHere) return missing(presence);
  want(question, rendition, 0);
  const SegmentPlace& place = view.segment(rendition, name);
  const auto file = place.segment->file(place.track);
  if (!file) return missing(Presence::kGone);
  if (question.request.method == http::Method::kGet) {
    metrics_.segment_served(file->size);
    viewers_.sent(view.stream_id, file->size);
  }
  return mapped(file, place.segment->etag(), rendition.content_type);
}

// Who counts by an MPD's template comes here, and who does not know EXT-X-GAP; both give up where they are
// refused: a fragment without samples, which leaves a hole in the buffer. What a ladder lacks may still come;
// what the source's track lacks, or is behind a stream's end, never does.
http::Response Delivery::nothing_of(const Question& question, const RenditionView& rendition,
                                    const SegmentName& name) {
  const StreamView& view = question.view;
  const bool is_past = name.media_sequence > view.offered.back()->segment().media_sequence;
  auto made = (is_past ? segment_past_end : missing_segment)(*view.offering, question.path.rendition,
                                                             name.media_sequence);
  if (!made) return missing(Presence::kUnknown);
  http::Response response;
  response.headers.set("Content-Type", rendition.content_type);
  const bool for_now = is_past || rendition.is_made;
  response.headers.set("Cache-Control",
                       for_now ? cache::max_age(view.target_duration_seconds) : cache::kForEver);
  response.body = std::make_shared<const std::string>(std::move(*made));
  return response;
}

http::Response Delivery::growing(const Question& question, const RenditionView& rendition,
                                 const SegmentName& name) {
  http::Response response;
  response.headers.set("Content-Type", rendition.content_type);
  // One that is cut off has no last chunk, and is not kept.
  response.headers.set("Cache-Control", cache::kForEver);
  auto finished = [this, stream_id = question.view.stream_id](std::uint64_t size) {
    metrics_.segment_served(size);
    viewers_.sent(stream_id, size);
  };
  // Also of a public stream: it may become private while it is sent.
  auto allowed = [this, stream_id = question.view.stream_id, claims = question.access.claims,
                  ahead_us = question.wall.us() - question.now_us](std::int64_t now_us) {
    return may_go_on(stream_id, claims, WallTime::from_us(now_us + ahead_us));
  };
  const std::int64_t patience_us = kPatienceTargets * question.view.target_duration_seconds * kMicroseconds;
  response.live = std::make_shared<GrowingSegment>(
      views_, GrowingSegment::Wanted{question.view.stream_id, std::string(question.path.rendition), name},
      patience_us, std::move(allowed), std::move(finished));
  return response;
}

http::Response Delivery::gap(const Question& question, const RenditionView& rendition,
                             std::uint64_t media_sequence) {
  const StreamView& view = question.view;
  std::optional<std::string> made = gap_segment(*view.offering, question.path.rendition, media_sequence);
  if (!made) return missing(Presence::kUnknown);
  const StoredText text = store_text(std::move(*made));
  if (question.request.method == http::Method::kGet) {
    metrics_.segment_served(text.text->size());
    viewers_.sent(view.stream_id, text.text->size());
  }
  return stored(text, rendition.content_type, cache::kForEver);
}

Delivery::Outcome Delivery::part(const Question& question, const RenditionView& rendition,
                                 const PartName& name) {
  const StreamView& view = question.view;
  const bool comes = view.is_awaited(rendition, name);
  const auto place = comes ? std::nullopt : view.find(rendition, name);
  if (!comes && !place) return missing(rendition.presence_of_missing(name));
  want(question, rendition, 0);
  if (comes) return awaited(question);
  const auto file = place->segment->part_file(place->track, place->index);
  if (!file) return missing(Presence::kGone);
  if (question.request.method == http::Method::kGet) {
    metrics_.part_served(file->size);
    if (question.again)
      metrics_.part_answered(static_cast<double>(question.now_us - closed_us(*place)) / 1e6);
    viewers_.sent(view.stream_id, file->size);
  }
  return mapped(file, '"' + to_string(name) + '"', rendition.content_type);
}

}  // namespace millrace::packaging
