// Who is calling, by a bearer token that auth verifies (RFC 6750). Thread-safe.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "peers.hpp"
#include "token_cache.hpp"

namespace millrace::api {

// Of an Authorization field; empty when it is no bearer token. The scheme's case does not matter.
std::string_view bearer_token(std::string_view authorization);
policy::Role role_of(auth::v1::Role role);

class Authenticator {
 public:
  explicit Authenticator(Peers& peers) : peers_(peers) {}
  // authorization: the field's value. Errors: "api.unauthorized"; else auth could not be asked.
  Result<Identity> identify(std::string_view authorization, Peers::Deadline deadline);

 private:
  Peers& peers_;
  TokenCache cache_;
};

}  // namespace millrace::api
