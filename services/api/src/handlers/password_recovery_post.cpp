// POST /api/v1/password-recovery/:email: a mail with a link, if there is such an account. The answer does not
// tell.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response password_recovery_post(const Call& call, const Context& context) {
  bus::v1::Request request;
  request.mutable_recover_password()->set_email(
      std::string(call.parameter("email").substr(0, kMaxEmail + 1)));
  request.mutable_recover_password()->set_peer_address(call.peer_address);
  const AccountAnswer answer = ask_account(call, context, std::move(request));
  return answer ? message_response("If there is an account with this address, a mail is on its way to it.")
                : answer.error();
}

}  // namespace millrace::api
