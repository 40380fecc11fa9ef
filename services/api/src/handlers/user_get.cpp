// GET /api/v1/users/:id: one's own account, or anybody's for administrators. Never a stream key.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_get(const Call& call, const Context& context) {
  const std::string id(call.parameter("id"));
  // Before it is looked up: the answer does not show whether there is such an account.
  if (policy::judge(call.identity.caller(), policy::Operation::kReadAccount, id) != policy::Verdict::kAllowed)
    return http::Response::problem(403, "forbidden", "This is not your account.");
  bus::v1::Request request;
  request.mutable_get_account()->set_id(id);
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? json_response(200, describe(answer->account()).dump()) : answer.error();
}

}  // namespace millrace::api
