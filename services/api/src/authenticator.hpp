// Who is calling, by a bearer token that auth verifies (RFC 6750). Thread-safe.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "peers.hpp"
#include "token_cache.hpp"

namespace millrace::api {

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
