// DELETE /api/v1/users/:id: administrators delete an account, as DELETE /api/v1/users/me does.
#include "account_answers.hpp"
#include "routes.hpp"

namespace millrace::api {

http::Response user_delete(const Call& call, const Context& context) {
  return delete_account(call, context, std::string(call.parameter("id")));
}

}  // namespace millrace::api
