// An MPD for one viewer: the same text with a query behind every address of a segment, so that they carry
// what the MPD itself was asked with; or with other addresses, where it is handed out under another one
// itself. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace millrace::dash {

// mpd: text that serialize() made, whose addresses have no query. query: "token=…", of characters that need
// no escape in an address or in XML, and no '$'.
std::string with_template_query(std::string_view mpd, std::string_view query);

// base: "../live/", likewise; goes before every address that is relative to the MPD.
std::string with_template_base(std::string_view mpd, std::string_view base);

}  // namespace millrace::dash
