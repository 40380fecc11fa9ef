#include <gtest/gtest.h>

#include "api_fixture.hpp"
#include "policy/testing.hpp"
#include "routes.hpp"

namespace millrace::api {
namespace {

using policy::Role;
using policy::Verdict;

class RolesTest : public testing::ApiFixture {};

// Of alice, who has an account and a stream.
std::string path_of(const Route& route) {
  std::string path;
  std::string_view rest = route.path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    const bool parameter = rest.substr(1, 1) == ":";
    path += !parameter                      ? std::string(rest.substr(0, end))
            : rest.substr(0, end) == "/:id" ? "/alice"
                                            : "/alice-id";
    rest.remove_prefix(end);
  }
  return path;
}

std::string token_of(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer-alice";
    case Role::kUser:
      return "good-alice";
    case Role::kAdmin:
      return "admin-alice";
    default:
      return "nobody";  // a token that is not good
  }
}

// 47: every row of the table, as every role.
TEST_F(RolesTest, EveryRouteAnswersEachRoleAsTheTableSays) {
  for (const Route& route : routes()) {
    const std::string method(method_name(route.method));
    const std::string path = path_of(route);
    policy::testing::expect_verdicts(method + " " + path, route.operation, [&](Role role) {
      const std::string answer = ask(path,
                                     "Authorization: Bearer " + token_of(role) +
                                         "\r\nContent-Type: application/json\r\nContent-Length: 0\r\n",
                                     method);
      const int status = http::testing::status_of(answer);
      EXPECT_NE(status, 0) << method << " " << path;
      return status == 401   ? Verdict::kUnauthenticated
             : status == 403 ? Verdict::kForbidden
                             : Verdict::kAllowed;
    });
  }
}

}  // namespace
}  // namespace millrace::api
