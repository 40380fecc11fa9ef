// DELETE /api/v1/users/:id: administrators delete an account, as DELETE /api/v1/users/me does.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_delete(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_delete_account()->set_id(std::string(call.parameter("id")));
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? message_response("User deleted successfully") : answer.error();
}

}  // namespace millrace::api
