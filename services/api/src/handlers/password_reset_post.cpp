// POST /api/v1/reset-password: a new password with the token of a recovery mail, which is used up.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response password_reset_post(const Call& call, const Context& context) {
  constexpr std::size_t kMaxToken = 128;
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  auth::v1::ResetPassword& reset = *request.mutable_reset_password();
  reset.set_token(body.required_text("token", kMaxToken));
  reset.set_new_password(body.required_text("new_password", kMaxPassword));
  reset.set_peer_address(call.peer_address);
  body.refuse_others();
  if (body.fault()) return body.refusal(422);
  const AccountAnswer answer = ask_password(call, context, std::move(request));
  return answer ? message_response("Password updated successfully") : answer.error();
}

}  // namespace millrace::api
