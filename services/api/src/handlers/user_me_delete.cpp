// DELETE /api/v1/users/me: the caller's account, its streams and its tokens are gone; what is live is cut.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_me_delete(const Call& call, const Context& context) {
  return delete_account(call, context, call.identity.subject);
}

}  // namespace millrace::api
