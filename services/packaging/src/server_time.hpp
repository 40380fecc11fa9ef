// The clock for players of DASH (urn:mpeg:dash:utc:http-iso:2014): when segments are there depends on it. Of
// a stream it is the one that the dates of its log are of: the wall clock as it was when the publication
// began, which does not step with it. Pure; any thread.
//
//   /time              the server's clock
//   /time?stream=<id>  that of the stream; of one that is not here: the server's
#pragma once

#include <string>
#include <string_view>

#include "base/wall_time.hpp"
#include "http/message.hpp"

namespace millrace::packaging {

inline constexpr std::string_view kTimePath = "/time";
inline constexpr std::string_view kTimeParameter = "stream";

// Of the stream; of none where the id is empty.
std::string time_url(std::string_view stream_id);

// The date as text; nobody keeps it.
http::Response server_time(WallTime now);

}  // namespace millrace::packaging
