#include "authenticator.hpp"

#include "errors.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxTokenLength = 4096;

}  // namespace

std::string_view bearer_token(std::string_view authorization) {
  static constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if ((authorization[i] | 0x20) != kScheme[i]) return {};
  }
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization.size() > kMaxTokenLength ? std::string_view() : authorization;
}

policy::Role role_of(auth::v1::Role role) {
  switch (role) {
    case auth::v1::ROLE_VIEWER:
      return policy::Role::kViewer;
    case auth::v1::ROLE_USER:
      return policy::Role::kUser;
    case auth::v1::ROLE_ADMIN:
      return policy::Role::kAdmin;
    default:
      return policy::Role::kAnyone;
  }
}

Result<Identity> Authenticator::identify(std::string_view authorization, Peers::Deadline deadline) {
  const std::string token(bearer_token(authorization));
  if (token.empty()) return fail(api::errors::kUnauthorized);
  const auto now = TokenCache::Clock::now();
  const std::uint64_t epoch = peers_.access_epoch();
  if (std::optional<Identity> known = cache_.find(token, epoch, now)) return *std::move(known);
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(token);
  const Result<bus::v1::Reply> reply = peers_.ask("auth", std::move(request), deadline);
  if (!reply) return tl::unexpected(reply.error());
  if (!reply->has_verify_token()) return fail("api.bad_reply");
  if (!reply->verify_token().valid()) return fail(api::errors::kUnauthorized);
  const policy::Role role = role_of(reply->verify_token().role());
  if (role == policy::Role::kAnyone) return fail(api::errors::kUnauthorized);
  Identity identity{reply->verify_token().subject(), role};
  if (peers_.access_epoch() == epoch) cache_.remember(token, identity, epoch, now);
  return identity;
}

}  // namespace millrace::api
