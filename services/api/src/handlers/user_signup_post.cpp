// POST /api/v1/users/signup: a new account, and what is its owner's.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_signup_post(const Call& call, const Context& context) {
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  auth::v1::SignUp& sign_up = *request.mutable_sign_up();
  sign_up.set_email(body.required_text("email", kMaxEmail));
  sign_up.set_password(body.required_text("password", kMaxPassword));
  sign_up.set_dj_name(body.required_text("dj_name", kMaxName));
  sign_up.set_timezone(body.required_text("timezone", kMaxTimezone));
  sign_up.set_profile_picture(body.text("profile_picture", kMaxPicture).value_or(""));
  sign_up.set_peer_address(call.peer_address);
  refuse_privileged(body);
  if (body.fault()) return body.refusal(422);
  const AccountAnswer answer = ask_password(call, context, std::move(request));
  if (!answer) return answer.error();
  return own_account(call, context, answer->account());
}

}  // namespace millrace::api
