// The table of the REST API: adding an endpoint is one file in handlers/ and one row in routes.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call.hpp"
#include "http/message.hpp"
#include "policy/policy.hpp"

namespace millrace::api {

// Runs on a thread of the application; may ask other services, up to call.deadline. Its answer's body is a
// std::string.
using HandlerFunction = http::Response (*)(const Call& call, const Context& context);

// kAnonymous: one answer may go to all who ask the same at the same time without a token, if it says so
// itself (shared_response). Only for what depends on nothing but path and query: not on the client, not on
// chance.
enum class Sharing : std::uint8_t { kNone, kAnonymous };

struct Route {
  http::Method method;
  std::string_view path;  // segments; ":name" stands for any one segment
  // What it is to libs/policy: who may call it. Whose stream or account it is the handler checks, with the
  // same operation.
  policy::Operation operation;
  HandlerFunction handler;
  Sharing sharing = Sharing::kNone;
};

std::span<const Route> routes();
// Its place in the table.
std::size_t row_of(const Route& route);
// As it is sent; "GET" for those that no route has.
std::string_view method_name(http::Method method);

using Parameters = std::vector<std::pair<std::string, std::string>>;
// Compares a decoded path with a pattern; fills parameters on success. A slash at the path's end makes no
// difference: documented paths come in both forms.
bool matches(std::string_view pattern, std::string_view path, Parameters* parameters = nullptr);

struct RouteMatch {
  const Route* route = nullptr;
  Parameters parameters;  // of the route's path
  // Of the path, for Allow; empty when no route has it. GET brings HEAD, everything brings OPTIONS.
  std::string methods;
};
RouteMatch find_route(http::Method method, std::string_view path);

}  // namespace millrace::api
