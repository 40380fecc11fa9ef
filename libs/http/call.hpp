// A request to another server and its answer, as plain data: what protocols of callbacks and hooks build and
// read without knowing a socket.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::net {
class EgressPolicy;
}

namespace millrace::http {

struct Call {
  std::string method = "POST";
  std::string url;  // http or https; of the operator's configuration unless egress is set
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  // From the call to the answer's last byte, waiting for a free place included.
  std::chrono::milliseconds timeout{4000};
  // For a URL that comes from outside: judges it, and every address before it is connected to.
  std::shared_ptr<const net::EgressPolicy> egress{};
};

struct CallAnswer {
  int status = 0;                                              // any, redirects too: they are never followed
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};

  // The first of that name (lower case); empty when there is none.
  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

}  // namespace millrace::http
