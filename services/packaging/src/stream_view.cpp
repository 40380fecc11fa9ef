#include "stream_view.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>

namespace millrace::packaging {
namespace {

// FNV-1a, 64 bits: distinguishes versions of one small text.
std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
  return hash;
}

}  // namespace

StoredText store_text(std::string text) {
  std::array<char, 16> digits{};
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), fingerprint(text), 16).ptr;
  StoredText stored;
  stored.etag = '"' + std::string(digits.data(), end) + '-' + std::to_string(text.size()) + '"';
  stored.text = std::make_shared<const std::string>(std::move(text));
  return stored;
}

const RenditionView* StreamView::rendition(std::string_view name) const {
  const auto found = renditions.find(name);
  return found == renditions.end() ? nullptr : &found->second;
}

// Numbers only grow: what is below the first offered number was there once.
Presence StreamView::presence(const RenditionView& rendition, const SegmentName& name) const {
  if (name.media_sequence < offered.front()->segment().media_sequence) return Presence::kGone;
  if (place(name) >= offered.size() || !rendition.tracks[place(name)]) return Presence::kUnknown;
  return segment_name(segment(name).segment()) == name ? Presence::kHere : Presence::kUnknown;
}

Presence StreamView::presence_of_missing(const InitName& name) const {
  const bool known =
      std::find(publications.begin(), publications.end(), name.publication_id) != publications.end();
  return known ? Presence::kGone : Presence::kUnknown;
}

std::shared_ptr<const StreamView> ViewTable::find(std::string_view stream_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(stream_id);
  return found == entries_.end() ? nullptr : found->second.view;
}

void ViewTable::publish(std::shared_ptr<const StreamView> view, const void* owner) {
  const std::unique_lock lock(mutex_);
  Entry& entry = entries_[view->stream_id];
  entry.view.swap(view);  // the old one is destroyed outside the lock's use
  entry.owner = owner;
}

void ViewTable::withdraw(std::string_view stream_id, const void* owner) {
  const std::unique_lock lock(mutex_);
  const auto found = entries_.find(stream_id);
  if (found != entries_.end() && found->second.owner == owner) entries_.erase(found);
}

std::size_t ViewTable::size() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

}  // namespace millrace::packaging
