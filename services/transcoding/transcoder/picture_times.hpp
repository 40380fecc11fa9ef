// What a picture is in the source, found again when it comes out of the decoder or an encoder: by its
// presentation time, which it keeps. Pure.
//
//   source, decode order   | K0  P4  B2 | K6 …        a record's number: place of its segment
//   pictures               | 0   2   4  | 6 …         its segment: begun where the first record is shown
//
// A segment begins with the presentation time of its first record of the picture in the source. A picture
// belongs to the last segment that begins at or before its time, so pictures that an open group shows before
// its key frame belong to the segment before.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "media/sample.hpp"
#include "source_note.hpp"

namespace millrace::transcoding {

class PictureTimes {
 public:
  // Pictures that a decoder may hold back, and then some. The oldest one goes for a further one.
  static constexpr std::size_t kMaxWaiting = 128;
  // From decoding to presentation: 16 pictures, the most that are reordered, of a source with four a second.
  // What claims to be shown later than that would leave no place for all that come before its time: it has
  // none itself, and a segment that begins with it begins where it is decoded.
  static constexpr std::int64_t kMostOffset = std::int64_t{4} * 90'000;

  // Of every record of the picture, in the source's order, before it is decoded.
  void add(const media::SampleRecord& record, const SourceTargets& targets);
  // A picture that was decoded; in the order of presentation. nullopt: no record has that time, or it does
  // not come after the one before: it is to be left out.
  std::optional<SourceNote> take(std::int64_t pts);
  // What has not come out so far never will.
  void forget();

  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Segment {
    std::int64_t begins = 0;
    std::uint64_t media_sequence = 0;
    std::uint32_t discontinuity_sequence = 0;
    bool discontinuity = false;
  };

  std::map<std::int64_t, SourceNote> waiting_;
  std::deque<Segment> segments_;  // that have begun in the source and no picture has been in yet
  Segment current_;
  bool any_ = false;
  std::uint64_t newest_segment_ = 0;
  std::int64_t last_pts_ = INT64_MIN;
  std::uint64_t left_out_ = 0;
};

// Leaves pictures out of a rate that is too high: keeps every n-th, counted again from each segment's first,
// which is never left out.
class Decimator {
 public:
  explicit Decimator(std::uint32_t divisor) : divisor_(divisor) {}
  bool keeps(bool first_of_segment) {
    if (first_of_segment) since_ = 0;
    return since_++ % divisor_ == 0;
  }

 private:
  std::uint32_t divisor_;
  std::uint32_t since_ = 0;
};

}  // namespace millrace::transcoding
