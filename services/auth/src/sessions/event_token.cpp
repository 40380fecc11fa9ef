#include "sessions/event_token.hpp"

#include "base/base64url.hpp"
#include "crypto.hpp"

namespace millrace::auth {

std::string sign_hs256(const Secret& secret, std::string_view claims_json) {
  const std::string signed_part = encode_base64url(as_bytes(R"({"alg":"HS256","typ":"JWT"})")) + "." +
                                  encode_base64url(as_bytes(claims_json));
  return signed_part + "." + encode_base64url(hmac_sha256(as_bytes(secret.reveal()), as_bytes(signed_part)));
}

}  // namespace millrace::auth
