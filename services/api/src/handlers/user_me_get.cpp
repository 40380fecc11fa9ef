// GET /api/v1/users/me, POST /api/v1/login/test-token: the caller's account.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_me_get(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_get_account()->set_id(call.identity.subject);
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? own_account(call, context, answer->account()) : answer.error();
}

}  // namespace millrace::api
