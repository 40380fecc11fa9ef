// Offerings made up for tests: segments of two seconds of a picture (25 frames a second) and a sound, one
// after the other.
#pragma once

#include <memory>
#include <string>

#include "base/wall_time.hpp"
#include "offering.hpp"

namespace millrace::packaging {

class OfferingScript {
 public:
  static constexpr std::int64_t kSegmentUs = 2'000'000;
  static constexpr WallTime kStart = WallTime::from_us(1'800'000'000'000'000);

  OfferingScript() {
    offering.listing.target_duration_seconds = 2;
    for (const auto kind : {media::TrackKind::kVideo, media::TrackKind::kAudio}) {
      Rendition rendition;
      rendition.name = {kind, 0};
      rendition.current = true;
      offering.renditions.push_back(std::move(rendition));
    }
  }

  // What the next segments have.
  bool video = true;
  bool audio = true;
  PublicationId publication{0xA1};
  std::uint32_t discontinuity = 7;
  std::int64_t length_us = kSegmentUs;
  std::int64_t time_us = 1'000'000;  // on the log's timeline
  WallTime wall = kStart;
  std::uint64_t media_sequence = 41;
  std::int64_t offset_us = 80'000;  // of pictures: how long after their decoding they are shown
  std::shared_ptr<const TrackDescription> picture = describe_picture();
  std::shared_ptr<const TrackDescription> sound = describe_sound();

  OfferingScript& segments(int count) {
    for (int i = 0; i < count; ++i) segment();
    return *this;
  }
  OfferingScript& segment() {
    Segment made;
    made.publication_id = publication;
    made.media_sequence = media_sequence++;
    made.discontinuity_sequence = discontinuity;
    made.start_wall = wall;
    made.duration_us = length_us;
    add(offering.renditions[0], video, media::kVideoTrack, picture, 40'000, made);
    add(offering.renditions[1], audio, media::kAudioTrack, sound, 21'333, made);
    offering.listing.growing = made;
    ++offering.listing.growing->media_sequence;
    offering.listing.offered.push_back(std::move(made));
    time_us += length_us;
    wall += length_us;
    return *this;
  }
  // The encoder has gone.
  OfferingScript& leave_off() {
    offering.listing.growing.reset();
    return *this;
  }
  // A slate stands in for it.
  OfferingScript& gaps(int count) {
    for (int i = 0; i < count; ++i) {
      Segment made;
      made.publication_id = PublicationId{0xF};
      made.media_sequence = media_sequence++;
      made.discontinuity_sequence = discontinuity;
      made.start_wall = wall;
      made.duration_us = length_us;
      made.is_gap = true;
      for (Rendition& rendition : offering.renditions) rendition.segments.emplace_back();
      offering.listing.growing = made;
      ++offering.listing.growing->media_sequence;
      offering.listing.offered.push_back(std::move(made));
      wall += length_us;
    }
    return *this;
  }
  // It went and came back.
  OfferingScript& reconnect(std::int64_t away_us = 5'000'000) {
    publication = PublicationId{number_of(publication) + 1};
    ++discontinuity;
    time_us = 0;
    wall += away_us;
    picture = describe_picture();
    sound = describe_sound();
    return *this;
  }
  // The oldest segments leave the list, and what is offered.
  OfferingScript& leave(std::size_t offered, std::size_t listed) {
    auto& all = offering.listing.offered;
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(offered));
    for (Rendition& rendition : offering.renditions)
      rendition.segments.erase(rendition.segments.begin(),
                               rendition.segments.begin() + static_cast<std::ptrdiff_t>(offered));
    offering.listing.first_listed = listed;
    return *this;
  }

  static std::shared_ptr<const TrackDescription> describe_picture() {
    TrackDescription made;
    made.timing = {media::kVideoTrack, true, media::TrackKind::kVideo, 90'000, 0};
    made.codec = "avc1.64001f";
    made.width = 640;
    made.height = 360;
    made.frames_per_second = 25;
    return std::make_shared<const TrackDescription>(std::move(made));
  }
  static std::shared_ptr<const TrackDescription> describe_sound() {
    TrackDescription made;
    made.timing = {media::kAudioTrack, true, media::TrackKind::kAudio, 48'000, 1'024};
    made.codec = "mp4a.40.2";
    made.track.sample_rate = 48'000;
    made.track.channels = 2;
    return std::make_shared<const TrackDescription>(std::move(made));
  }

  Offering offering;

 private:
  void add(Rendition& rendition, bool has, std::uint8_t track,
           const std::shared_ptr<const TrackDescription>& description, std::int64_t frame_us, Segment& made) {
    rendition.segments.emplace_back();
    if (!has) return;
    const std::int64_t scale = description->timing.timescale;
    const auto ticks = [&](std::int64_t us) { return us * scale / 1'000'000; };
    TrackSpan span;
    span.track = track;
    span.kind = rendition.name.kind;
    span.samples = static_cast<std::uint32_t>(length_us / frame_us);
    span.first_dts = ticks(time_us);
    span.last_offset = rendition.is_video() ? ticks(offset_us) : 0;
    span.shown_from = span.first_dts + span.last_offset;
    span.last_duration = static_cast<std::uint32_t>(ticks(frame_us));
    span.last_dts = ticks(time_us + length_us) - span.last_duration;
    span.payload_bytes = 100'000;
    span.start_wall = wall;
    span.duration_us = length_us;
    made.tracks.push_back(span);
    rendition.segments.back() = RenditionSegment{span, description, {}};
  }
};

}  // namespace millrace::packaging
