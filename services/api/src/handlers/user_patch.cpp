// PATCH /api/v1/users/:id: administrators change an account: also whether it is active, and an administrator.
// Their own address needs their password here too.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_patch(const Call& call, const Context& context) {
  JsonBody body = JsonBody::parse(call.body);
  bus::v1::Request request;
  auth::v1::ChangeAccount& change = *request.mutable_change_account();
  change.set_id(std::string(call.parameter("id")));
  body.refuse("stream_key", "cannot be chosen");
  read_changes(call, body, change);
  if (const auto active = body.boolean("is_active")) change.set_is_active(*active);
  if (const auto admin = body.boolean("is_superuser")) change.set_is_admin(*admin);
  body.refuse_others();
  if (body.fault()) return body.refusal(422);
  const AccountAnswer answer = ask_change(call, context, std::move(request));
  return answer ? json_response(200, describe(answer->account()).dump()) : answer.error();
}

}  // namespace millrace::api
