// PATCH /api/v1/users/me/password: another password; tokens of before are worth nothing afterwards.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_password_patch(const Call& call, const Context& context) {
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  auth::v1::ChangePassword& change = *request.mutable_change_password();
  change.set_id(call.identity.subject);
  change.set_current_password(body.required_text("current_password", kMaxPassword));
  change.set_new_password(body.required_text("new_password", kMaxPassword));
  change.set_peer_address(call.peer_address);
  body.refuse_others();
  if (body.fault()) return body.refusal(422);
  const AccountAnswer answer = ask_password(call, context, std::move(request));
  return answer ? message_response("Password updated successfully") : answer.error();
}

}  // namespace millrace::api
