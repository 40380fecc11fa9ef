// What auth counts. Thread-safe. Names and labels never hold anything that a client sent.
#pragma once

#include <memory>
#include <string>

namespace prometheus {
class Registry;
}
namespace millrace::bus::v1 {
class Reply;
class Request;
}  // namespace millrace::bus::v1

namespace millrace::auth {

class AuthMetrics {
 public:
  AuthMetrics();
  ~AuthMetrics();
  AuthMetrics(const AuthMetrics&) = delete;
  AuthMetrics& operator=(const AuthMetrics&) = delete;

  // millrace_auth_requests_total{request, outcome}: outcome is "allowed", "refused" or "error".
  void answered(const bus::v1::Request& request, const bus::v1::Reply& reply);
  // millrace_auth_requests_dropped_total{reason}: "overload", "deadline".
  void dropped(const std::string& reason);
  // millrace_auth_request_seconds: from the request's arrival to its answer.
  void took(double seconds);

  std::shared_ptr<prometheus::Registry> registry() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::auth
