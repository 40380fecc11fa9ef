#include "key_redirect.hpp"

#include <algorithm>

namespace millrace::packaging {
namespace {

constexpr std::string_view kLive = "/live/";
constexpr std::string_view kKeyStart = "sk_";
constexpr std::size_t kKeySize = 35;

}  // namespace

std::optional<std::string_view> key_in(std::string_view path) {
  if (!path.starts_with(kLive)) return std::nullopt;
  path.remove_prefix(kLive.size());
  const std::string_view name = path.substr(0, path.find_first_of("/."));
  const bool digits = std::all_of(name.begin() + std::min(kKeyStart.size(), name.size()), name.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (name.size() != kKeySize || name.size() == path.size() || !name.starts_with(kKeyStart) || !digits)
    return std::nullopt;
  return name;
}

http::Response redirect_to(const http::Request& request, std::string_view key, std::string_view stream_id) {
  std::string target(kLive);
  target.append(stream_id).append(std::string_view(request.path).substr(kLive.size() + key.size()));
  if (!request.raw_query.empty()) target.append("?").append(request.raw_query);
  http::Response response;
  response.status = 302;
  response.headers.set("Location", target);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace millrace::packaging
