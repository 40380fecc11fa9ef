// JSON Web Tokens that carry an event to a callback (RFC 7519, HS256). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace millrace::auth {

// header.claims.signature; claims_json is a JSON object.
std::string sign_hs256(const Secret& secret, std::string_view claims_json);

}  // namespace millrace::auth
