// What a stream offers at one moment: immutable, made by the stream's actor, read by the HTTP threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dash_presentation.hpp"
#include "manifest/hls/delivery_directives.hpp"
#include "media_path.hpp"
#include "past_names.hpp"
#include "playlist_texts.hpp"
#include "segment_file.hpp"
#include "view_watchers.hpp"

namespace millrace::packaging {

enum class Presence : std::uint8_t { kHere, kGone, kUnknown };

struct PartPlace {
  const OfferedSegment* segment = nullptr;  // never null
  std::uint8_t track = 0;
  std::size_t index = 0;  // in the track's parts
};

// A rendition's track in a segment, of whichever log has it; without a segment: nothing.
struct SegmentPlace {
  std::shared_ptr<const OfferedSegment> segment{};
  std::uint8_t track = 0;

  explicit operator bool() const { return segment != nullptr; }
};

// One rendition's objects.
struct RenditionView {
  std::string_view content_type;  // of its segments
  // nullptr when nothing is listed any more.
  std::shared_ptr<const MediaPlaylistTexts> playlist;
  hls::ListEnd list_end;  // of the list with parts, for who waits for more of it
  std::map<std::string, StoredText, std::less<>> init_segments;  // by name
  // What it has of StreamView::offered, in their order; nothing: a gap, or it is being made.
  std::vector<SegmentPlace> segments;
  std::size_t behind = 0;             // as Rendition::behind
  std::vector<bool> promised;         // as Rendition::promised
  SegmentPlace growing;               // of its list, or what has come of one that is promised
  std::vector<SegmentPlace> cut_off;  // Rendition::cut_off: their parts can be had
  std::optional<PartName> next_part;  // hinted: it will be there
  std::shared_ptr<const PastNames> past = std::make_shared<const PastNames>();
  bool is_made = false;     // of a ladder
  bool is_planned = false;  // made on demand

  std::size_t end() const { return segments.size() - behind; }
  bool is_promised(std::size_t place) const { return place < promised.size() && promised[place]; }
  // Of a segment, part or init segment that is not here.
  template <class Name>
  Presence presence_of_missing(const Name& name) const {
    return past->had(name) ? Presence::kGone : Presence::kUnknown;
  }
};

struct StreamView {
  static constexpr std::uint64_t kMostPastEnd = 1000;  // further numbers never were

  std::string stream_id;
  std::shared_ptr<const Offering> offering;  // what it was made of
  // nullptr when nothing is listed any more.
  std::shared_ptr<const MultivariantPlaylistTexts> multivariant_playlist;
  DashPresentation::Manifests manifests;
  std::map<std::string, RenditionView, std::less<>> renditions;  // by name
  std::vector<std::shared_ptr<const OfferedSegment>> offered;    // media sequences without a gap; not empty
  std::shared_ptr<const OfferedSegment> growing;  // follows them; its closed parts can be had. nullptr: none
  std::uint32_t target_duration_seconds = 1;
  std::int64_t newest_us = 0;  // CLOCK_MONOTONIC: when the newest of what is listed was closed
  bool ended = false;
  bool long_ended = false;  // Listing::long_ended
  // The clock that its dates are of: CLOCK_MONOTONIC and so much; 0: not known.
  std::int64_t clock_offset_us = 0;
  bool is_private = false;  // of what the log has of the stream, something is not for strangers

  // nullptr: there is none of the name.
  const RenditionView* rendition(std::string_view name) const;
  // kUnknown also where the rendition has a gap.
  Presence presence(const RenditionView& rendition, const SegmentName& name) const;
  // Precondition: presence() is kHere.
  const SegmentPlace& segment(const RenditionView& rendition, const SegmentName& name) const {
    return rendition.segments[place(name)];
  }
  // It is offered, and the rendition has nothing whole of it: a ladder's is behind, a track was silent.
  bool is_gap(const RenditionView& rendition, const SegmentName& name) const;
  // It will be here: it is the segment that grows.
  bool is_awaited(const SegmentName& name) const {
    return growing && !ended && !growing->segment().is_gap && segment_name(growing->segment()) == name;
  }
  // The same of a ladder's rendition: also what is whole of the source and still being made, or promised.
  bool is_awaited(const RenditionView& rendition, const SegmentName& name) const;
  // What of it has come; nothing: nothing has yet. Precondition: it is awaited.
  SegmentPlace growing_of(const RenditionView& rendition, const SegmentName& name) const;
  // It probably will be: the one after that.
  bool is_next(const SegmentName& name) const {
    return name.media_sequence > 0 &&
           is_awaited({name.publication_id, name.incarnation, name.media_sequence - 1});
  }
  // It will not be, but who counts by the clock asks for it until the MPD says so: its publication has ended,
  // and the stream's end has not been public for long.
  bool is_past_end(const SegmentName& name) const;
  // It is late: by the stream's clock and the MPD's newest grid it is to begin within the length of a segment
  // or has begun, and its publication goes on.
  bool is_due(const SegmentName& name, std::int64_t now_us) const;
  // What the stream's clock shows; nullopt: it is not known.
  std::optional<WallTime> clock(std::int64_t now_us) const {
    return clock_offset_us == 0 ? std::nullopt : std::optional(WallTime::from_us(now_us + clock_offset_us));
  }
  bool is_awaited(const RenditionView& rendition, const PartName& name) const;
  // Its list says so: of a ladder's the last segments may be made after the stream has ended.
  bool has_ended(const RenditionView& rendition) const;
  // Where the part is; nullopt: it is not here.
  std::optional<PartPlace> find(const RenditionView& rendition, const PartName& name) const;

 private:
  std::size_t place(const SegmentName& name) const {
    return name.media_sequence - offered.front()->segment().media_sequence;
  }
  // Of what is offered, of the source.
  bool is_offered(const SegmentName& name) const;
};

// The newest view of every stream, and who waits for the next one. Thread-safe; readers keep what they got as
// long as they need it.
class ViewTable {
 public:
  std::shared_ptr<const StreamView> find(std::string_view stream_id) const;
  // owner distinguishes publishers of the same stream, so that a late one does not take away its successor's
  // view.
  void publish(std::shared_ptr<const StreamView> view, const void* owner);
  void withdraw(std::string_view stream_id, const void* owner);
  std::size_t size() const;
  // Told of every view that is published or withdrawn, once it can be found.
  ViewWatchers& watchers() const { return watchers_; }

 private:
  struct Entry {
    std::shared_ptr<const StreamView> view;
    const void* owner = nullptr;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  mutable ViewWatchers watchers_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

}  // namespace millrace::packaging
