// What a stream offers at one moment: immutable, made by the stream's actor, read by the HTTP threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

struct StreamView {
  std::string stream_id;
  StoredText media_playlist;  // both without a text when nothing is listed any more
  StoredText multivariant_playlist;
  std::map<std::string, StoredText, std::less<>> init_segments;  // by name
  std::vector<std::shared_ptr<const OfferedSegment>> offered;    // media sequences without a gap; not empty
  std::vector<std::uint64_t> publications;                       // these were or are packaged
  std::uint32_t target_duration_seconds = 1;
  bool ended = false;
  bool is_private = false;  // of what the log has of the stream, something is not for strangers

  Presence presence(const SegmentName& name) const;
  // Precondition: presence(name) is kHere.
  const OfferedSegment& segment(const SegmentName& name) const;
  // Of an init segment that is not in init_segments.
  Presence presence_of_missing(const InitName& name) const;
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
