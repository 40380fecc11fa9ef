#include "cors.hpp"

#include <algorithm>

namespace millrace::api {

CorsPolicy::CorsPolicy(std::string_view origins) {
  while (!origins.empty()) {
    const std::size_t comma = origins.find(',');
    std::string_view origin = origins.substr(0, comma);
    origins.remove_prefix(comma == std::string_view::npos ? origins.size() : comma + 1);
    while (!origin.empty() && origin.front() == ' ') origin.remove_prefix(1);
    while (!origin.empty() && (origin.back() == ' ' || origin.back() == '/')) origin.remove_suffix(1);
    if (origin == "*") any_ = true;
    if (!origin.empty()) origins_.emplace_back(origin);
  }
}

bool CorsPolicy::allows(std::string_view origin) const {
  return any_ || std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

void CorsPolicy::apply(const http::Request& request, http::Response& response) const {
  if (any_) return response.headers.set("Access-Control-Allow-Origin", "*");
  if (origins_.empty()) return;
  response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.find("Origin");
  if (!origin.empty() && allows(origin)) response.headers.set("Access-Control-Allow-Origin", origin);
}

http::Response CorsPolicy::preflight(const http::Request& request, std::string_view methods) const {
  http::Response response;
  response.status = 204;
  response.headers.add("Allow", methods);
  if (allows(request.headers.find("Origin"))) {
    response.headers.add("Access-Control-Allow-Methods", methods);
    response.headers.add("Access-Control-Allow-Headers", "Authorization, Content-Type, Range");
    response.headers.add("Access-Control-Max-Age", "600");
  }
  apply(request, response);
  return response;
}

}  // namespace millrace::api
