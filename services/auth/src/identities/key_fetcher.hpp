// Asks the servers of issuers for their keys, over the HTTP client (certificates checked, no redirects,
// bounded answers and deadlines). Any thread.
#pragma once

#include <functional>
#include <memory>

#include "http/client.hpp"
#include "identities/identities.hpp"
#include "net/egress_policy.hpp"

namespace millrace::auth {

class KeyFetcher {
 public:
  static constexpr std::size_t kMaxAnswer = 256UL << 10;
  static constexpr std::chrono::milliseconds kTimeout{5000};  // of each of the two answers

  // Exactly once, on any thread. Errors: auth.jwks, auth.discovery, those of http::Client.
  using Done = std::function<void(Result<FetchedKeys>)>;

  KeyFetcher();
  void fetch(const IdentityIssuer& issuer, Done done);
  // Outstanding fetches end with http.stopped.
  void stop() { client_.stop(); }

 private:
  void call(http::Call call, const http::Client::Done& done);
  void fetch_keys(const std::string& url, const Secret& bearer,
                  std::shared_ptr<const net::EgressPolicy> egress, Done done);

  // For a jwks_uri that leads away from its issuer's own server.
  std::shared_ptr<const net::EgressPolicy> elsewhere_;
  http::Client client_;
};

}  // namespace millrace::auth
