// Questions about accounts to auth, and their answers as HTTP: what the account handlers share.
#pragma once

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "call.hpp"
#include "json_body.hpp"
#include "peers.hpp"

namespace millrace::api {

// Limits of what is read of a body; auth has the rules.
inline constexpr std::size_t kMaxEmail = 254;
inline constexpr std::size_t kMaxPassword = 512;
inline constexpr std::size_t kMaxName = 256;
inline constexpr std::size_t kMaxTimezone = 64;
inline constexpr std::size_t kMaxPicture = 48UL * 1024;

// Auth's answer, or what to answer the client instead: a refusal, or that auth does not answer.
using AccountAnswer = tl::expected<auth::v1::AccountReply, http::Response>;
AccountAnswer ask_account(const Call& call, const Context& context, bus::v1::Request request);
// The same for what hashes a password: few at once, so that floods of them leave threads for everybody else;
// more are 503 at once.
AccountAnswer ask_password(const Call& call, const Context& context, bus::v1::Request request);
// A ChangeAccount, which hashes where a password is given.
AccountAnswer ask_change(const Call& call, const Context& context, bus::v1::Request request);

// An account as the documents have it, without a stream key.
nlohmann::ordered_json describe(const auth::v1::Account& account);
// For its owner: with the stream key; the stream is made when there is none.
http::Response own_account(const Call& call, const Context& context, const auth::v1::Account& account);

// Deletes the account: ?recordings=keep (as without it) or delete says what becomes of the recordings of its
// streams.
http::Response delete_account(const Call& call, const Context& context, std::string id);

http::Response message_response(std::string_view message);

// Fields that a client may know of but nobody sets this way: a fault when one is there.
void refuse_privileged(JsonBody& body);
// What may be changed of an account, and by whom, into the request.
void read_changes(const Call& call, JsonBody& body, auth::v1::ChangeAccount& change);

}  // namespace millrace::api
