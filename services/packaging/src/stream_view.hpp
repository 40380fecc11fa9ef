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

#include "media_path.hpp"
#include "segment_file.hpp"

namespace millrace::packaging {

// A small text or file in memory with its strong entity tag.
struct StoredText {
  std::shared_ptr<const std::string> text;
  std::string etag;
};

StoredText store_text(std::string text);

enum class Presence : std::uint8_t { kHere, kGone, kUnknown };

// One rendition's objects.
struct RenditionView {
  std::string_view content_type;  // of its segments
  StoredText playlist;            // without a text when nothing is listed any more
  std::map<std::string, StoredText, std::less<>> init_segments;  // by name
  // Its track in the logs of StreamView::offered, in their order; nullopt: a gap.
  std::vector<std::optional<std::uint8_t>> tracks;
};

struct StreamView {
  std::string stream_id;
  StoredText multivariant_playlist;  // without a text when nothing is listed any more
  std::map<std::string, RenditionView, std::less<>> renditions;  // by name
  std::vector<std::shared_ptr<const OfferedSegment>> offered;    // media sequences without a gap; not empty
  std::vector<PublicationId> publications;                       // these were or are packaged
  std::uint32_t target_duration_seconds = 1;
  bool ended = false;
  bool is_private = false;  // of what the log has of the stream, something is not for strangers

  // nullptr: there is none of the name.
  const RenditionView* rendition(std::string_view name) const;
  // kUnknown also where the rendition has a gap.
  Presence presence(const RenditionView& rendition, const SegmentName& name) const;
  // Precondition: presence() is kHere.
  const OfferedSegment& segment(const SegmentName& name) const { return *offered[place(name)]; }
  std::uint8_t track(const RenditionView& rendition, const SegmentName& name) const {
    return rendition.tracks[place(name)].value();
  }
  // Of an init segment that is not in init_segments.
  Presence presence_of_missing(const InitName& name) const;

 private:
  std::size_t place(const SegmentName& name) const {
    return name.media_sequence - offered.front()->segment().media_sequence;
  }
};

// The newest view of every stream. Thread-safe; readers keep what they got as long as they need it.
class ViewTable {
 public:
  std::shared_ptr<const StreamView> find(std::string_view stream_id) const;
  // owner distinguishes publishers of the same stream, so that a late one does not take away its successor's
  // view.
  void publish(std::shared_ptr<const StreamView> view, const void* owner);
  void withdraw(std::string_view stream_id, const void* owner);
  std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const StreamView> view;
    const void* owner = nullptr;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

}  // namespace millrace::packaging
