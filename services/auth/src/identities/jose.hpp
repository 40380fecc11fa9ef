// What every JSON Web Token has in common, whatever its issuer: the compact serialisation (RFC 7515
// section 7.1) and the claims about time (RFC 7519 section 4.1). Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/wall_time.hpp"

namespace millrace::auth {

inline constexpr std::size_t kMaxTokenLength = 8192;
inline constexpr std::int64_t kTokenLeewaySeconds = 30;  // how far two machines' clocks may differ

// Views of the token; the signature decoded. Header and claims are still base64url.
struct JwsParts {
  std::string_view signed_part;
  std::string_view header;
  std::string_view claims;
  Bytes signature;
};
// nullopt: not three parts, too long, or a signature that is no base64url. An empty signature is one.
std::optional<JwsParts> split_jws(std::string_view token);
// nullopt: not base64url of a JSON object.
std::optional<nlohmann::json> decode_json_object(std::string_view part);

// A NumericDate (RFC 7519 section 2) in whole seconds; nullopt for anything that is not one of this age of
// the world.
std::optional<std::int64_t> numeric_date(const nlohmann::json& value);
// "exp" is needed and in the future; "nbf", "iat" and "auth_time" are absent or not in the future. nullptr
// when all is well, else what is wrong.
const char* what_is_wrong_with_times(const nlohmann::json& claims, WallTime now, std::int64_t leeway_seconds);
// Of claims whose times are right: from when on they are not any more.
WallTime expiry(const nlohmann::json& claims, std::int64_t leeway_seconds);

}  // namespace millrace::auth
