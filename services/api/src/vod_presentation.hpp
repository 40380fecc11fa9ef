// A finished MP4 as HLS: its tracks as renditions, in segments of a few seconds, nothing of it copied.
// Pure; what it gives are playlists, init segments, and of a segment the header and the places of its bytes
// in the file. Immutable; any thread.
//
// v0, v1 … are pictures, a0, a1 … sounds, in the file's order. Segment n of all of them is the same time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "containers/mp4/finished_track.hpp"
#include "vod_cuts.hpp"

namespace millrace::api {

class VodPresentation {
 public:
  // Precondition: at least one track. "api.vod_segments" (vod_cuts.hpp).
  static Result<VodPresentation> create(std::vector<mp4::FinishedTrack> tracks);

  struct Rendition {
    std::string name;
    std::size_t number = 0;            // of track and cuts
    std::string codec;                 // RFC 6381
    std::uint64_t peak_bandwidth = 0;  // bits a second, of the heaviest segment
    std::uint64_t average_bandwidth = 0;
  };
  const std::vector<Rendition>& renditions() const { return renditions_; }
  const Rendition* find(std::string_view name) const;
  const mp4::FinishedTrack& track(const Rendition& rendition) const { return tracks_[rendition.number]; }
  bool is_video(const Rendition& rendition) const {
    return track(rendition).track().type == mp4::TrackType::kVideo;
  }
  // Each segment that has something begins with a key frame.
  bool is_independent(const Rendition& rendition) const { return cuts_.tracks[rendition.number].independent; }

  std::size_t segments() const { return cuts_.segments(); }
  // Segments of all renditions: numbers [begin, end).
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool has(std::size_t number) const { return begin <= number && number < end; }
  };
  Range all() const { return {0, segments()}; }
  // Those that have something of [start_us, end_us) after the beginning: a clip is whole segments. Empty
  // where there is nothing.
  Range segments_in(std::int64_t start_us, std::int64_t end_us) const;
  std::int64_t start_us() const { return cuts_.starts_us.front(); }
  std::int64_t end_us() const { return cuts_.starts_us.back(); }
  // Thousandths of a frame a second, over all; 0: it makes no sense.
  std::uint32_t frame_rate_millihertz(const Rendition& rendition) const;
  bool has_segment(const Rendition& rendition, std::size_t number) const;
  // Presented, as lists state it: up to the rendition's next sample. Of one with nothing the time that
  // others have.
  std::int64_t segment_start_us(const Rendition& rendition, std::size_t number) const;
  std::int64_t segment_duration_us(const Rendition& rendition, std::size_t number) const;
  std::int64_t longest_segment_us() const { return longest_us_; }
  // The same for all renditions, of which each begins with its next sample. number: up to segments(), whose
  // cut is the end.
  std::int64_t cut_us(std::size_t number) const { return cuts_.starts_us[number]; }
  // As segment_start_us() and cut_us(), in the rendition's timescale. number: up to segments().
  std::int64_t segment_start_ticks(const Rendition& rendition, std::size_t number) const;
  std::int64_t cut_ticks(const Rendition& rendition, std::size_t number) const;
  // What an MPD says of where a segment begins: what is presented before 0 cannot be said in one, and is left
  // out of the times, not of the segments.
  std::int64_t listed_ticks(const Rendition& rendition, std::size_t number) const;
  // The other way round; nullopt: none begins there.
  std::optional<std::size_t> segment_at(const Rendition& rendition, std::int64_t ticks) const;

  Bytes init_segment(const Rendition& rendition) const;
  struct Segment {
    Bytes header;  // styp, moof, mdat's header
    std::vector<mp4::FileRange> payload;
  };
  // Precondition: has_segment().
  Segment segment(const Rendition& rendition, std::size_t number) const;

  std::size_t memory() const;

 private:
  VodPresentation() = default;
  void measure(Rendition& rendition);

  std::vector<mp4::FinishedTrack> tracks_;
  VodCuts cuts_;
  std::vector<Rendition> renditions_;
  std::int64_t longest_us_ = 0;
};

}  // namespace millrace::api
