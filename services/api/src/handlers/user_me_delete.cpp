// DELETE /api/v1/users/me: the caller's account, its streams and its tokens are gone; what is live is cut.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_me_delete(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_delete_account()->set_id(call.identity.subject);
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? message_response("User deleted successfully") : answer.error();
}

}  // namespace millrace::api
