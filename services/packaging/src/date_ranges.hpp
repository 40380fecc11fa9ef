// A stream's breaks as date ranges, as they come and go with its segments: the same in all lists. Sans-IO;
// one thread at a time (the stream's actor; DvrLists under its mutex).
//
// A splice out opens a break, which has an id of its own for good: event, publication and record. The splice
// in of the same event closes it with a second range of that id. Whatever else SCTE 35 says is a range by
// itself, and so is a splice in whose break is not known. No range changes as long as it is listed, and
// whatever is in it comes from the record that it is named after: live lists and the past say the same.
//
//   the event of a break that is open, again        it is
//     of the same publication, or within its plan    the same break, as it was announced
//     after its plan, or without one in another      another break; nobody says any more when the first
//     publication                                    one ended
//
// A range leaves with its time, when the list begins behind its end. A break is open, and stays, until its
// splice in: with a planned duration for kOverrunUs after that at most. What is known of a break whose record
// has left the log is not known any more to a packaging that starts after that.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "manifest/hls/date_range.hpp"
#include "offering.hpp"

namespace millrace::packaging {

class DateRanges {
 public:
  // Ranges that are listed at a time, and the bytes of their sections: each list has all of them. The oldest
  // leave for newer ones.
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kMostBytes = 16 * 1024;
  static constexpr std::size_t kMostRemoved = 64;

  // So late a break with a planned duration may end.
  static constexpr std::int64_t kOverrunUs = 60'000'000;

  // Takes in the splices of what is listed and grows, and lets go of what is over. Forgets everything where
  // numbers begin anew.
  void update(const Listing& listing);

  std::vector<hls::DateRange> listed() const;
  // Ids of those that have left within the last kRemovedForUs of the stream.
  std::vector<std::string> removed() const;

 private:
  static constexpr std::int64_t kRemovedForUs = 120'000'000;

  struct Range {
    hls::DateRange range;
    std::uint32_t event_id = 0;
    bool segmentation = false;
    PublicationId publication{};
    bool open = false;  // a break that has not been closed
    WallTime end{};     // when it leaves
  };
  struct Removed {
    std::string id;
    WallTime at{};
  };

  void take(const Segment& segment);
  void add(const SpliceEvent& splice, PublicationId publication);
  void close(Range& out, const SpliceEvent& splice);
  static Range made_of(const SpliceEvent& splice, PublicationId publication);
  static bool is_another(const Range& open, const SpliceEvent& splice, PublicationId publication);
  Range* find_open(const codecs::SpliceInfo& splice);
  void remove(std::deque<Range>::iterator place, WallTime now);
  void keep_within_bounds(WallTime now);

  std::deque<Range> ranges_;
  std::deque<Removed> removed_;
  // Of the newest splice: what a list has before it is known.
  std::uint64_t media_sequence_ = 0;
  PublicationId publication_{};
  std::uint64_t next_record_ = 0;
};

}  // namespace millrace::packaging
