// How lists are asked for: the same of all of them, live or with the past, HLS and DASH. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "http/message.hpp"
#include "manifest/hls/delivery_directives.hpp"

namespace millrace::packaging {

inline constexpr std::string_view kPlaylistType = "application/vnd.apple.mpegurl";
inline constexpr std::string_view kManifestType = "application/dash+xml";
// A player is gone when it has not asked for the playlist for this many target durations; nobody waits longer
// for what is to come (RFC 8216bis 6.2.5.2).
inline constexpr std::int64_t kPatienceTargets = 3;

// Is a list of a stream asked for, of whatever kind?
bool asks_for_list(const http::Request& request);
// Caches tell requests apart by their queries as they are written: a list is refused to who writes the names
// that choose it in another way. To be asked of all requests for lists, before anything else is.
bool has_misleading_query(const http::Request& request);
// 400: of what is wrong with a directive.
http::Response refused_directive(std::string_view why);

// Old players, by the address they were given.
bool asks_for_plain(const http::Request& request);
bool takes_gzip(const http::Request& request);

}  // namespace millrace::packaging
