// The server's clock for players of DASH (urn:mpeg:dash:utc:http-iso:2014): when segments are there depends
// on it. Pure; any thread.
#pragma once

#include <string_view>

#include "base/wall_time.hpp"
#include "http/message.hpp"

namespace millrace::packaging {

inline constexpr std::string_view kTimePath = "/time";

// The date as text; nobody keeps it.
http::Response server_time(WallTime now);

}  // namespace millrace::packaging
