#include "playlist_texts.hpp"

#include "hls_playlists.hpp"
#include "manifest/hls/uri_query.hpp"

namespace millrace::packaging {

const StoredText& MediaPlaylistTexts::text(PlaylistForm form) const {
  // Without parts there is one form, and of a list with the past its delta.
  const bool is_delta = form == PlaylistForm::kDelta || form == PlaylistForm::kDeltaOfDates;
  const PlaylistForm without_parts =
      offering_->is_recording && is_delta ? PlaylistForm::kDelta : PlaylistForm::kPlain;
  const PlaylistForm made = offering_->listing.part_target_us == 0 ? without_parts : form;
  return texts_.at(static_cast<std::size_t>(made)).get([&] {
    return media_playlist(*offering_, rendition_, made);
  });
}

const StoredText& MultivariantPlaylistTexts::text(PlaylistForm form) const {
  const auto make = [this] { return packaging::multivariant_playlist(*offering_); };
  if (form != PlaylistForm::kPlain) return full_.get(make);
  return plain_.get([&] { return hls::with_uri_query(make(), kPlainQuery); });
}

}  // namespace millrace::packaging
