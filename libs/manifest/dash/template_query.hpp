// An MPD for one viewer: the same text with a query behind every address of a segment, so that they carry
// what the MPD itself was asked with. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace millrace::dash {

// mpd: text that serialize() made, whose addresses have no query. query: "token=…", of characters that need
// no escape in an address or in XML, and no '$'.
std::string with_template_query(std::string_view mpd, std::string_view query);

}  // namespace millrace::dash
