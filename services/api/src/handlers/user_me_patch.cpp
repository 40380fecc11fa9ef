// PATCH /api/v1/users/me: the caller changes their account; only what is there is changed.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_me_patch(const Call& call, const Context& context) {
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  request.mutable_change_account()->set_id(call.identity.subject);
  refuse_privileged(body);
  read_changes(call, body, *request.mutable_change_account());
  body.refuse_others();
  if (body.fault()) return body.refusal(422);
  const AccountAnswer answer = ask_change(call, context, std::move(request));
  return answer ? own_account(call, context, answer->account()) : answer.error();
}

}  // namespace millrace::api
