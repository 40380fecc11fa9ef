#include "operator_command.hpp"

#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "runtime/service.hpp"

namespace millrace::auth {

namespace {

constexpr std::chrono::seconds kPatience{5};

std::optional<bus::v1::Request> request_of(std::string_view command, const std::string& argument) {
  bus::v1::Request request;
  if (command == "--regenerate-key") {
    request.mutable_regenerate_key()->set_stream_id(argument);
  } else if (command == "--ban" || command == "--unban") {
    request.mutable_set_banned()->set_stream_id(argument);
    request.mutable_set_banned()->set_banned(command == "--ban");
  } else if (command == "--make-private" || command == "--make-public") {
    request.mutable_set_private()->set_stream_id(argument);
    request.mutable_set_private()->set_is_private(command == "--make-private");
  } else if (command == "--make-admin") {
    request.mutable_make_admin()->set_email(argument);
  } else if (command == "--revoke-tokens") {
    request.mutable_revoke_tokens()->set_subject(argument);
  } else {
    return std::nullopt;
  }
  return request;
}

Result<bus::v1::Reply> ask(const bus::EndpointsConfig& config, bus::v1::Request request) {
  const Result<bus::EndpointTable> endpoints = bus::endpoints(config);
  if (!endpoints) return tl::unexpected<Error>(endpoints.error());
  const auto node = bus::Node::start({.service = "", .endpoints = *endpoints, .limits = {}});
  if (!node) return tl::unexpected<Error>(node.error());
  std::promise<Result<bus::v1::Reply>> promise;
  auto future = promise.get_future();
  (*node)->request("auth", std::move(request), kPatience,
                   [&promise](Result<bus::v1::Reply> reply) { promise.set_value(std::move(reply)); });
  return future.get();
}

// What is so now; of another key the key alone, for scripts.
std::string outcome_of(const bus::v1::Request& request, const bus::v1::Reply& reply) {
  if (request.has_regenerate_key()) return reply.stream().key();
  if (request.has_set_banned()) {
    const auto& ban = request.set_banned();
    return ban.stream_id() + (ban.banned() ? " is banned" : " is not banned");
  }
  if (request.has_set_private()) {
    const auto& change = request.set_private();
    return change.stream_id() + (change.is_private() ? " is private" : " is public");
  }
  if (request.has_make_admin()) return request.make_admin().email() + " is an administrator";
  return "the tokens of " + request.revoke_tokens().subject() + " are taken back";
}

}  // namespace

std::optional<int> operator_command(std::span<char*> arguments, const bus::EndpointsConfig& bus) {
  if (arguments.empty()) return std::nullopt;
  const std::optional<bus::v1::Request> request =
      request_of(arguments[0], arguments.size() == 2 ? arguments[1] : "");
  if (!request) return std::nullopt;
  if (arguments.size() != 2) {
    const char* const what = request->has_make_admin()      ? " EMAIL\n"
                             : request->has_revoke_tokens() ? " SUBJECT\n"
                                                            : " STREAM_ID\n";
    std::cerr << "usage: millrace-auth " << arguments[0] << what;
    return runtime::kExitUsage;
  }
  const Result<bus::v1::Reply> reply = ask(bus, *request);
  if (!reply) {
    std::cerr << "millrace-auth: " << reply.error().message << " (" << reply.error().code << ")\n";
    return runtime::kExitSoftware;
  }
  std::cout << outcome_of(*request, *reply) << '\n';
  return 0;
}

}  // namespace millrace::auth
