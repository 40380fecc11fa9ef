// Who a client of the live feed is: its token, and the keys of its streams.
#include <algorithm>

#include "authenticator.hpp"
#include "base/ids.hpp"
#include "live_client.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxToken = 4096;

}  // namespace

void LiveClient::authenticate(Secret token, std::function<void(LiveOutcome)> done) {
  if (token.empty() || token.reveal().size() > kMaxToken)
    return done({"unauthorized", "A valid bearer token is needed."});
  if (!begin_question()) return done({"busy", "Wait for the answers to what was asked before."});
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(token.reveal());
  shared_->ask_auth(std::move(request), [self = shared_from_this(), token = std::move(token),
                                         done = std::move(done)](const Result<bus::v1::Reply>& reply) {
    self->end_question();
    self->finish_authentication(token, reply, done);
  });
}

void LiveClient::finish_authentication(const Secret& token, const Result<bus::v1::Reply>& reply,
                                       const std::function<void(LiveOutcome)>& done) {
  if (!reply || !reply->has_verify_token()) return done(LiveOutcome::unavailable());
  if (LiveOutcome accepted = accept_token(token, reply->verify_token()); !accepted) return done(accepted);
  fetch_own(done);
}

LiveOutcome LiveClient::accept_token(const Secret& token, const auth::v1::VerifyTokenReply& verified) {
  const policy::Role role = role_of(verified.role());
  if (!verified.valid() || role == policy::Role::kAnyone)
    return {"unauthorized", "A valid bearer token is needed."};
  const std::lock_guard lock(mutex_);
  if (identity_.subject != verified.subject()) view_.own.clear();
  identity_ = {verified.subject(), role};
  view_.admin = role == policy::Role::kAdmin;
  token_ = token;
  expires_wall_ = WallTime::from_us(verified.expires_wall_us());
  verified_us_ = shared_->monotonic_us();
  return {};
}

void LiveClient::fetch_own(std::function<void(LiveOutcome)> done) {
  bus::v1::Request request;
  {
    const std::lock_guard lock(mutex_);
    fetched_us_ = shared_->monotonic_us();
    request.mutable_list_streams()->set_subject(identity_.subject);
  }
  const std::string subject = request.list_streams().subject();
  shared_->ask_auth(std::move(request), [self = shared_from_this(), subject,
                                         done = std::move(done)](const Result<bus::v1::Reply>& reply) {
    if (!reply || !reply->has_stream_list()) return done(LiveOutcome::unavailable());
    {
      const std::lock_guard lock(self->mutex_);
      // Somebody else has authenticated meanwhile: its own answer follows.
      const bool current = self->identity_.subject == subject;
      if (current) self->view_.own.clear();
      for (const auth::v1::Stream& stream : reply->stream_list().streams()) {
        if (current && is_valid_id(stream.key())) self->view_.own[stream.stream_id()] = stream.key();
      }
    }
    done({});
  });
}

// auth's silence ends nobody: what it said before holds until the token expires.
void LiveClient::verify_again() {
  Secret token;
  {
    const std::lock_guard lock(mutex_);
    token = token_;
    verified_us_ = shared_->monotonic_us();
  }
  bus::v1::Request request;
  request.mutable_verify_token()->set_token(token.reveal());
  shared_->ask_auth(std::move(request),
                    [self = shared_from_this(), token](const Result<bus::v1::Reply>& reply) {
                      if (!reply || !reply->has_verify_token()) return;
                      {
                        const std::lock_guard lock(self->mutex_);
                        if (self->token_.reveal() != token.reveal()) return;
                      }
                      if (!self->accept_token(token, reply->verify_token()))
                        self->end(http::WebSocketClose::kUnauthorized);
                    });
}

void LiveClient::tick() {
  const std::int64_t now_us = shared_->monotonic_us();
  const WallTime wall = shared_->wall_now();
  bool expired = false;
  bool verify = false;
  bool fetch = false;
  {
    const std::lock_guard lock(mutex_);
    if (token_.empty() || ending_) return;
    expired = expires_wall_.is_set() && wall >= expires_wall_;
    verify = now_us - verified_us_ >= kVerifyEveryUs;
    const bool live = std::any_of(view_.own.begin(), view_.own.end(),
                                  [&](const auto& item) { return shared_->board.is_live(item.first); });
    fetch = now_us - fetched_us_ >= (live ? kLiveKeysEveryUs : kKeysEveryUs);
  }
  if (expired) return end(http::WebSocketClose::kUnauthorized);
  if (verify) verify_again();
  if (fetch) fetch_own([](const LiveOutcome&) {});
}

}  // namespace millrace::api
