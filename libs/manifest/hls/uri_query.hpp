// A playlist for one viewer: the same text with a query behind every URI, so that relative references keep
// what the playlist itself was asked with (RFC 3986 5.2.2 drops the query of the base). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace millrace::hls {

// playlist: text that serialize() made, or this. query: "token=…", of characters that need no escape; goes
// behind the one that a URI has.
std::string with_uri_query(std::string_view playlist, std::string_view query);

}  // namespace millrace::hls
