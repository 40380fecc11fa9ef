#include "identities/identities.hpp"

namespace millrace::auth {
namespace {

void answer_bad(PendingRequest& pending) {
  bus::v1::Reply reply;
  reply.mutable_verify_token();
  pending.answer(std::move(reply));
}

void answer_good(PendingRequest& pending, const TokenClaims& claims) {
  bus::v1::Reply reply;
  v1::VerifyTokenReply& good = *reply.mutable_verify_token();
  good.set_valid(true);
  good.set_subject(claims.subject);
  good.set_expires_wall_us(claims.expires_wall.us());
  good.set_role(claims.admin ? v1::ROLE_ADMIN : v1::ROLE_USER);
  pending.answer(std::move(reply));
}

void answer_unavailable(PendingRequest& pending) {
  bus::v1::Reply reply;
  set_error({"auth.keys_unavailable", "the issuer's keys cannot be had now"}, reply);
  pending.answer(std::move(reply));
}

}  // namespace

Identities::Identities(const IdentitySettings& settings, Fetch fetch)
    : settings_(settings), fetch_(std::move(fetch)), caches_(settings.issuers.size()) {}

bool Identities::handle(const PendingRequestPtr& pending, Now now) {
  if (caches_.empty()) return false;
  const Result<ForeignToken> token = read_foreign_token(pending->request().verify_token().token());
  if (!token) return false;
  const std::optional<std::size_t> issuer = settings_.find(token->issuer);
  if (!issuer) return false;
  judge(pending, *token, *issuer, now);
  return true;
}

// The claims first: what they alone refuse costs no signature and no fetch.
void Identities::judge(const PendingRequestPtr& pending, const ForeignToken& token, std::size_t issuer,
                       Now now) {
  const Result<TokenClaims> claims =
      check_foreign_claims(token, settings_.issuers[issuer], settings_, now.wall);
  if (!claims) return answer_bad(*pending);
  const KeyCache::Found found = caches_[issuer].find(token.kid, token.algorithm, now.monotonic_us);
  switch (found.finding) {
    case KeyCache::Finding::kKey:
      if (!found.key->verifies(token.parts.signature, as_bytes(token.parts.signed_part)))
        return answer_bad(*pending);
      return answer_good(*pending, *claims);
    case KeyCache::Finding::kNoSuchKey:
      return answer_bad(*pending);
    case KeyCache::Finding::kFetch:
      start_fetch(issuer);
      return wait(pending, issuer);
    case KeyCache::Finding::kFetching:
      return wait(pending, issuer);
    case KeyCache::Finding::kUnavailable:
      break;
  }
  answer_unavailable(*pending);
}

void Identities::wait(const PendingRequestPtr& pending, std::size_t issuer) {
  if (waiting_.size() >= kMaxWaiting) return answer_unavailable(*pending);
  waiting_.push_back({pending, issuer});
}

void Identities::start_fetch(std::size_t issuer) {
  caches_[issuer].fetch_started();
  fetch_(issuer);
}

void Identities::fetched(std::size_t issuer, Result<FetchedKeys> outcome, Now now) {
  if (issuer >= caches_.size()) return;
  if (outcome) {
    caches_[issuer].fetched(std::move(outcome->keys), outcome->lifetime, now.monotonic_us);
  } else {
    caches_[issuer].failed(now.monotonic_us);
  }
  // Those that waited are judged once more; none of them waits again, as a fetch has just been.
  std::list<Waiting> ready;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto here = it++;
    if (here->issuer == issuer) ready.splice(ready.end(), waiting_, here);
  }
  for (const Waiting& one : ready) {
    if (!handle(one.pending, now)) answer_bad(*one.pending);
  }
}

void Identities::tick(Now now) {
  for (std::size_t i = 0; i < caches_.size(); ++i) {
    if (caches_[i].is_due(now.monotonic_us)) start_fetch(i);
  }
  // Told before the next tick would be too late.
  waiting_.remove_if([&](const Waiting& one) {
    if (one.pending->deadline_us() > now.monotonic_us + 2 * kTickUs) return false;
    answer_unavailable(*one.pending);
    return true;
  });
}

}  // namespace millrace::auth
