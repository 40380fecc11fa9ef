// A playlist for one viewer: the same text with a query behind every URI, so that relative references keep
// what the playlist itself was asked with (RFC 3986 5.2.2 drops the query of the base); or with other
// addresses, where it is handed out under another one itself. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace millrace::hls {

// playlist: text that serialize() made, or this. query: "token=…", of characters that need no escape; goes
// behind the one that a URI has.
std::string with_uri_query(std::string_view playlist, std::string_view query);

// base: "../live/", of characters that need no escape; goes before every URI that is relative to the
// playlist.
std::string with_uri_base(std::string_view playlist, std::string_view base);

}  // namespace millrace::hls
