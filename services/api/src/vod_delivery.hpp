// Objects of a recording's presentation as answers: playlists, init segments, segments. Who may have them
// is the caller's to judge, by the rule of the file itself (vod_access.hpp). Pure but for the file that
// segments point to.
//
//   /vod/<file>/index.m3u8               multivariant playlist
//   /vod/<file>/manifest.mpd             DASH
//   /vod/<file>/<rendition>/index.m3u8   media playlist; each with ?start=…&end=… (clip_query.hpp): of a clip
//   /vod/<file>/<rendition>/init.mp4
//   /vod/<file>/<rendition>/<number>.m4s
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/files.hpp"
#include "http/message.hpp"
#include "vod_library.hpp"

namespace millrace::api {

struct VodPath {
  std::string_view file;
  std::string_view rendition;  // empty: of all
  std::string_view object;
};
// nullopt for another path. With or without /api in front; there may be no such object.
std::optional<VodPath> parse_vod_path(std::string_view path);

// request: its path is the one. token: what playlists hand on to the URIs in them; empty: nothing.
http::Response vod_answer(const VodLibrary::Found& found, const http::OpenedFile& file,
                          const http::Request& request, std::string_view token);

}  // namespace millrace::api
