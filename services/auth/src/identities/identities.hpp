// Answers VerifyToken for tokens of other issuers: picks the issuer and its key, and lets a question wait
// while the issuer's server is asked for keys. Nothing blocks: fetches are started by a function and come
// back by fetched().
//
// Bounded: kMaxWaiting questions wait at once (the API has few threads, and each is one of them); further
// ones get auth.keys_unavailable, as are those whose deadline is near.
//
// Sans-IO but for PendingRequest; one owner (the token actor), its thread only.
#pragma once

#include <functional>
#include <list>
#include <vector>

#include "identities/identity_token.hpp"
#include "identities/key_cache.hpp"
#include "pending_request.hpp"
#include "streams/request_handler.hpp"

namespace millrace::auth {

// What an issuer's server said.
struct FetchedKeys {
  KeySet keys;
  std::chrono::seconds lifetime;
};

class Identities {
 public:
  static constexpr std::size_t kMaxWaiting = 4;
  static constexpr std::int64_t kTickUs = 250'000;

  // Starts a fetch of an issuer's keys, by its index in the settings; any outcome comes to fetched(), later.
  using Fetch = std::function<void(std::size_t issuer)>;

  // settings outlive this.
  Identities(const IdentitySettings& settings, Fetch fetch);

  // False when its token names no issuer of the settings: it is somebody else's to judge. Else it is
  // answered, now or later.
  bool handle(const PendingRequestPtr& pending, Now now);
  void fetched(std::size_t issuer, Result<FetchedKeys> outcome, Now now);
  // Every kTickUs: refreshes that are due, questions whose time is over.
  void tick(Now now);

  std::size_t keys(std::size_t issuer) const { return caches_.at(issuer).size(); }

 private:
  struct Waiting {
    PendingRequestPtr pending;
    std::size_t issuer;
  };

  void judge(const PendingRequestPtr& pending, const ForeignToken& token, std::size_t issuer, Now now);
  void wait(const PendingRequestPtr& pending, std::size_t issuer);
  void start_fetch(std::size_t issuer);

  const IdentitySettings& settings_;
  Fetch fetch_;
  std::vector<KeyCache> caches_;
  std::list<Waiting> waiting_;
};

}  // namespace millrace::auth
