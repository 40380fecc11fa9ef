// The playlists of one offering as texts, each form made when it is asked for first and shared by all who
// ask. Any thread.
#pragma once

#include <array>
#include <memory>

#include "hls_media_playlist.hpp"
#include "offering.hpp"
#include "stored_text.hpp"

namespace millrace::packaging {

// Of one rendition.
class MediaPlaylistTexts {
 public:
  // rendition: one of the offering's, which is listed.
  MediaPlaylistTexts(std::shared_ptr<const Offering> offering, const Rendition& rendition)
      : offering_(std::move(offering)), rendition_(rendition) {}
  const StoredText& text(PlaylistForm form = PlaylistForm::kFull) const;

 private:
  const std::shared_ptr<const Offering> offering_;
  const Rendition& rendition_;  // in offering_
  std::array<LazyText, 4> texts_;
};

class MultivariantPlaylistTexts {
 public:
  explicit MultivariantPlaylistTexts(std::shared_ptr<const Offering> offering)
      : offering_(std::move(offering)) {}
  // kFull, or kPlain: it leads to plain lists.
  const StoredText& text(PlaylistForm form = PlaylistForm::kFull) const;

 private:
  const std::shared_ptr<const Offering> offering_;
  LazyText full_, plain_;
};

}  // namespace millrace::packaging
