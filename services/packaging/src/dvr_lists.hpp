// A stream's lists with its past: made when they are asked for, kept as long as they say the same. Any
// thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "dash_presentation.hpp"
#include "date_ranges.hpp"
#include "dvr_offering.hpp"
#include "playlist_texts.hpp"

namespace millrace::packaging {

struct Recorded;

// Of one moment; immutable.
struct DvrTexts {
  std::shared_ptr<const Offering> offering;  // nullptr: there is nothing to list
  std::shared_ptr<const MultivariantPlaylistTexts> multivariant;
  std::map<std::string, std::shared_ptr<const MediaPlaylistTexts>, std::less<>> media;  // by rendition
};

class DvrLists {
 public:
  // Lists with a token in them, which are each one viewer's, that are being written: more are not made.
  static constexpr std::size_t kMostWrittenBytes = 64U << 20;

  // Where the log has nothing of the stream any more, and the newest record is so old, nothing follows it,
  // whatever becomes of its file.
  static constexpr std::int64_t kOverUs = 15'000'000;

  // live: nullptr where the log has nothing of the stream.
  std::shared_ptr<const DvrTexts> texts(const Recorded& recorded, const Offering* live,
                                        std::int64_t window_us, WallTime now);
  // The MPD of the same, made when it is asked for. Without a text: there is none.
  StoredText manifest(const Recorded& recorded, const Offering* live, std::int64_t window_us, WallTime now);

  // Counts it as being written as long as it is somebody's. nullptr: not now.
  std::shared_ptr<const std::string> hand_out(std::string text);
  // Whether as much more may be written now.
  bool has_room_for(std::size_t bytes) const { return *written_bytes_ + bytes <= kMostWrittenBytes; }

 private:
  // What lists are made of; equal: they would be the same.
  struct Signature {
    std::uint64_t recorded = 0;
    std::uint64_t first = 0, last = 0;
    PublicationId newest{};
    bool live = false, ended = false, long_ended = false, goes_on = false, is_private = false;
    bool over = false;
    bool operator==(const Signature&) const = default;
  };
  static Signature signature_of(const Recorded& recorded, const Offering* live);
  bool is_over(const Recorded& recorded, WallTime now) const;
  std::vector<RecordedSegmentPtr> whole(const Recorded& recorded, const Signature& signature) const;
  void remember(const Offering& offering, const Recorded& recorded);
  void describe_breaks(Offering& offering);
  void renew(const Recorded& recorded, const Offering* live, std::int64_t window_us, WallTime now);

  const std::shared_ptr<std::atomic<std::size_t>> written_bytes_ =
      std::make_shared<std::atomic<std::size_t>>();
  std::mutex mutex_;
  Signature signature_;
  DashPresentation dash_;
  DateRanges date_ranges_;
  bool private_shown_ = false;
  std::uint64_t first_shown_ = 0, last_shown_ = 0;  // media sequences
  bool end_shown_ = false;                          // ENDLIST, behind last_shown_
  std::map<std::uint64_t, Segment> gaps_;           // shown; also what the recordings may turn out to lack
  std::shared_ptr<const DvrTexts> texts_;
};

}  // namespace millrace::packaging
