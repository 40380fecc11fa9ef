#include "call.hpp"

namespace millrace::api {

std::string_view Call::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

http::Response json_response(int status, std::string text) {
  http::Response response = http::Response::text(status, "application/json", std::move(text));
  response.headers.add("Cache-Control", "no-store");
  return response;
}

http::Response shared_response(std::string text) {
  http::Response response = http::Response::text(200, "application/json", std::move(text));
  response.headers.add("Cache-Control", "public, max-age=0, s-maxage=1");
  return response;
}

http::Response unauthorized() {
  http::Response response = http::Response::problem(401, "unauthorized", "A valid bearer token is needed.");
  response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

http::Response unavailable(std::string_view service) {
  http::Response response =
      http::Response::problem(503, std::string(service) + "_unavailable",
                              "The " + std::string(service) + " service does not answer. Try again shortly.");
  response.headers.add("Retry-After", "1");
  return response;
}

}  // namespace millrace::api
