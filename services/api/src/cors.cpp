#include "cors.hpp"

#include <algorithm>

namespace millrace::api {
namespace {

// What a script needs of an answer beside the fields that the Fetch standard shows to it.
constexpr std::string_view kExposed =
    "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, ETag, Accept-Ranges, Content-Range, "
    "Content-Disposition, Location, WWW-Authenticate, X-Total-Count";
constexpr std::string_view kRequestFields =
    "Authorization, Content-Type, Range, If-Range, If-Match, If-None-Match, If-Modified-Since";

// As browsers send origins.
std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

CorsPolicy::CorsPolicy(std::string_view origins) {
  while (!origins.empty()) {
    const std::size_t comma = origins.find(',');
    std::string_view origin = origins.substr(0, comma);
    origins.remove_prefix(comma == std::string_view::npos ? origins.size() : comma + 1);
    while (!origin.empty() && origin.front() == ' ') origin.remove_prefix(1);
    while (!origin.empty() && (origin.back() == ' ' || origin.back() == '/')) origin.remove_suffix(1);
    if (origin == "*") any_ = true;
    if (!origin.empty()) origins_.push_back(lower(origin));
  }
}

bool CorsPolicy::allows(std::string_view origin) const {
  return any_ || std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

void CorsPolicy::apply(const http::Request& request, http::Response& response) const {
  if (!any_ && origins_.empty()) return;
  // What is the same for everybody may be kept for everybody.
  if (!any_) response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.find("Origin");
  if (!any_ && (origin.empty() || !allows(origin))) return;
  response.headers.set("Access-Control-Allow-Origin", any_ ? "*" : origin);
  response.headers.set("Access-Control-Expose-Headers", kExposed);
}

http::Response CorsPolicy::preflight(const http::Request& request, std::string_view methods) const {
  http::Response response;
  response.status = 204;
  response.headers.add("Allow", methods);
  if (allows(request.headers.find("Origin"))) {
    response.headers.add("Access-Control-Allow-Methods", methods);
    response.headers.add("Access-Control-Allow-Headers", kRequestFields);
    response.headers.add("Access-Control-Max-Age", "600");
  }
  apply(request, response);
  return response;
}

}  // namespace millrace::api
