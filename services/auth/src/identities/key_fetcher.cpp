#include "identities/key_fetcher.hpp"

#include <utility>

namespace millrace::auth {
namespace {

constexpr http::ClientLimits kLimits{.in_flight = 16,
                                     .waiting = 64,
                                     .answer_bytes = KeyFetcher::kMaxAnswer,
                                     .header_bytes = 16UL << 10,
                                     .idle_connections = 4};

http::Call question(const std::string& url) {
  return {.method = "GET",
          .url = url,
          .headers = {{"Accept", "application/json"}},
          .body = {},
          .timeout = KeyFetcher::kTimeout,
          .egress = {}};
}

Error bad_status(ErrorCode code, int status) {
  return {code, "the server answered with status " + std::to_string(status)};
}

}  // namespace

KeyFetcher::KeyFetcher()
    : elsewhere_(std::make_shared<const net::EgressPolicy>(
          net::EgressPolicy::create({.schemes = {"https"}, .allowed = {}}).value())),
      client_(kLimits) {}

void KeyFetcher::fetch(const IdentityIssuer& issuer, Done done) {
  if (!issuer.jwks_url.empty()) return fetch_keys(issuer.jwks_url, issuer.bearer, {}, std::move(done));
  std::string base = issuer.issuer;
  while (base.ends_with('/')) base.pop_back();
  call(question(base + "/.well-known/openid-configuration"),
       [this, name = issuer.issuer, done = std::move(done)](Result<http::CallAnswer> answer) {
         if (!answer) return done(tl::unexpected(answer.error()));
         if (answer->status != 200) return done(tl::unexpected(bad_status("auth.discovery", answer->status)));
         const Result<std::string> keys = parse_discovery(answer->body, name);
         if (!keys) return done(tl::unexpected(keys.error()));
         // What a document of the issuer's own server says of that server is as good as configured.
         const bool same = origin_of(*keys) == origin_of(name);
         fetch_keys(*keys, {}, same ? nullptr : elsewhere_, done);
       });
}

void KeyFetcher::call(http::Call call, const http::Client::Done& done) {
  const Result<void> begun = client_.call(std::move(call), done);
  if (!begun) done(tl::unexpected(begun.error()));
}

void KeyFetcher::fetch_keys(const std::string& url, const Secret& bearer,
                            std::shared_ptr<const net::EgressPolicy> egress, Done done) {
  http::Call asked = question(url);
  asked.egress = std::move(egress);
  if (!bearer.empty()) asked.headers.emplace_back("Authorization", "Bearer " + bearer.reveal());
  call(std::move(asked), [done = std::move(done)](Result<http::CallAnswer> answer) {
    if (!answer) return done(tl::unexpected(answer.error()));
    if (answer->status != 200) return done(tl::unexpected(bad_status("auth.jwks", answer->status)));
    Result<KeySet> keys = KeySet::parse(answer->body);
    if (!keys) return done(tl::unexpected(keys.error()));
    done(FetchedKeys{.keys = *std::move(keys),
                     .lifetime = cache_lifetime(answer->header("cache-control"), KeyCache::kUsualLifetime)});
  });
}

}  // namespace millrace::auth
