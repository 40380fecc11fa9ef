#include "account_answers.hpp"

#include <atomic>

#include "base/reply_codes.hpp"

namespace millrace::api {
namespace {

constexpr int kMaxPasswordCalls = 4;

std::atomic<int> password_calls{0};

// One of the places for calls that hash.
class PasswordPlace {
 public:
  PasswordPlace() : taken_(++password_calls <= kMaxPasswordCalls) {}
  ~PasswordPlace() { --password_calls; }
  PasswordPlace(const PasswordPlace&) = delete;
  PasswordPlace& operator=(const PasswordPlace&) = delete;
  bool taken() const { return taken_; }

 private:
  const bool taken_;
};

http::Response overloaded() {
  http::Response response =
      http::Response::problem(503, "overloaded", "Too many passwords are being checked. Try again shortly.");
  response.headers.add("Retry-After", "1");
  return response;
}

http::Response too_many(std::uint32_t seconds) {
  http::Response response = http::Response::problem(
      429, "too_many_attempts", "Too many attempts. Try again in " + std::to_string(seconds) + " seconds.");
  response.headers.add("Retry-After", std::to_string(seconds));
  return response;
}

http::Response response_to(const auth::v1::AccountRefusal& refusal) {
  using Refusal = auth::v1::AccountRefusal;
  switch (refusal.reason()) {
    case Refusal::REASON_INVALID:
      return invalid_field(422, "invalid_field", refusal.field(), refusal.message());
    case Refusal::REASON_TAKEN:
      return invalid_field(400, "taken", refusal.field(), refusal.message());
    case Refusal::REASON_CREDENTIALS:
      return http::Response::problem(400, "wrong_password", "The password is not the current one.");
    case Refusal::REASON_INACTIVE:
      return http::Response::problem(403, "account_inactive", "This account is switched off.");
    case Refusal::REASON_TOO_MANY:
      return too_many(refusal.retry_after_seconds());
    case Refusal::REASON_UNKNOWN:
      return http::Response::problem(404, "account_unknown", "There is no such account.");
    case Refusal::REASON_CLOSED:
      return http::Response::problem(403, "sign_up_closed", "New accounts are not taken here.");
    case Refusal::REASON_TOKEN:
      return http::Response::problem(400, "reset_token",
                                     "This link has been used or has expired. Ask for another one.");
    default:
      return http::Response::problem(500, "internal");
  }
}

}  // namespace

AccountAnswer ask_account(const Call& call, const Context& context, bus::v1::Request request) {
  const Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply && reply.error().code == reply_codes::kOverloaded) return tl::unexpected(overloaded());
  if (!reply || !reply->has_account()) return tl::unexpected(unavailable("auth"));
  if (reply->account().has_refusal()) return tl::unexpected(response_to(reply->account().refusal()));
  return reply->account();
}

AccountAnswer ask_password(const Call& call, const Context& context, bus::v1::Request request) {
  const PasswordPlace place;
  if (!place.taken()) return tl::unexpected(overloaded());
  return ask_account(call, context, std::move(request));
}

AccountAnswer ask_change(const Call& call, const Context& context, bus::v1::Request request) {
  const bool hashes = !request.change_account().current_password().empty();
  return hashes ? ask_password(call, context, std::move(request))
                : ask_account(call, context, std::move(request));
}

nlohmann::ordered_json describe(const auth::v1::Account& account) {
  nlohmann::ordered_json document = {{"id", account.id()},
                                     {"email", account.email()},
                                     {"dj_name", account.dj_name()},
                                     {"timezone", account.timezone()},
                                     {"profile_picture", nullptr},
                                     {"is_active", account.is_active()},
                                     {"is_superuser", account.is_admin()},
                                     {"is_superduper_user", false}};
  if (!account.profile_picture().empty()) document["profile_picture"] = account.profile_picture();
  return document;
}

http::Response own_account(const Call& call, const Context& context, const auth::v1::Account& account) {
  bus::v1::Request request;
  request.mutable_ensure_stream()->set_subject(account.id());
  const Result<bus::v1::Reply> reply = context.peers.ask("auth", std::move(request), call.deadline);
  if (!reply || !reply->has_stream()) return unavailable("auth");
  nlohmann::ordered_json document = describe(account);
  document["stream_key"] = reply->stream().key();
  document["stream_id"] = reply->stream().stream_id();
  return json_response(200, document.dump());
}

http::Response delete_account(const Call& call, const Context& context, std::string id) {
  bus::v1::Request request;
  auth::v1::DeleteAccount& ask = *request.mutable_delete_account();
  ask.set_id(std::move(id));
  for (const auto& [name, value] : call.query) {
    if (name != "recordings") continue;
    if (value != "keep" && value != "delete")
      return invalid_field(422, "invalid_field", name, "must be keep or delete");
    ask.set_delete_recordings(value == "delete");
  }
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? message_response("User deleted successfully") : answer.error();
}

http::Response message_response(std::string_view message) {
  return json_response(200, nlohmann::ordered_json{{"message", message}}.dump());
}

void refuse_privileged(JsonBody& body) {
  body.refuse("stream_key", "cannot be chosen: ask for a new one");
  for (const char* field : {"id", "is_active", "is_superuser", "is_superduper_user"})
    body.refuse(field, "cannot be set here");
}

void read_changes(const Call& call, JsonBody& body, auth::v1::ChangeAccount& change) {
  change.set_asker_id(call.identity.subject);
  if (const auto password = body.text("current_password", kMaxPassword))
    change.set_current_password(*password);
  if (const auto email = body.text("email", kMaxEmail)) change.set_email(*email);
  if (const auto name = body.text("dj_name", kMaxName)) change.set_dj_name(*name);
  if (const auto timezone = body.text("timezone", kMaxTimezone)) change.set_timezone(*timezone);
  if (const auto picture = body.text("profile_picture", kMaxPicture)) change.set_profile_picture(*picture);
  if (body.is_null("profile_picture")) change.set_profile_picture("");
}

}  // namespace millrace::api
