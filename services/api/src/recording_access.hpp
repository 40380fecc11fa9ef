// Which recordings a caller may see: those of private streams, and what was recorded as private, are their
// owner's.
#pragma once

#include <string>
#include <vector>

#include "stream_access.hpp"

namespace millrace::api {

// The names that the caller may see, in the same order. 503 when auth does not say.
OrAnswer<std::vector<std::string>> visible_recordings(const Call& call, const Context& context,
                                                      std::vector<std::string> names);
// Of one; unlike a list anybody who knows the name may ask for it.
OrAnswer<bool> may_see_recording(const Call& call, const Context& context, std::string_view name);

}  // namespace millrace::api
