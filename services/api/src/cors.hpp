// Which web origins may read answers (Fetch standard, CORS protocol). Never with credentials. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace millrace::api {

class CorsPolicy {
 public:
  // Comma-separated origins ("https://a.example,https://b.example"), "*" for all, empty for none.
  explicit CorsPolicy(std::string_view origins);

  bool allows(std::string_view origin) const;
  // Adds Access-Control-Allow-Origin when the request's origin may read the answer, and Vary.
  void apply(const http::Request& request, http::Response& response) const;
  // 204 to OPTIONS; methods as in an Allow field.
  http::Response preflight(const http::Request& request, std::string_view methods) const;

 private:
  bool any_ = false;
  std::vector<std::string> origins_;
};

}  // namespace millrace::api
