#include "service.hpp"

#include <prometheus/registry.h>

#include <iostream>

#include "actors.hpp"
#include "base/clock.hpp"
#include "http/ops.hpp"
#include "stream_repository.hpp"

namespace millrace::auth {
namespace {

// Short, so that one lock does not keep the requests behind it waiting beyond their deadlines.
constexpr std::chrono::milliseconds kBusyTimeout{400};

// What another start can't mend counts as configuration: the supervisor then leaves the service down.
Error for_start(Error error) {
  if (error.code == "store.busy") return error;
  const bool secret = error.code.rfind("auth.", 0) == 0;
  error.code = secret ? "config.secret" : "config.database";
  return error;
}

}  // namespace

AuthService::AuthService() = default;
AuthService::~AuthService() = default;

Result<void> AuthService::start(runtime::ServiceContext& context) {
  Result<KeyVault> vault = KeyVault::create(config_.server_secret);
  if (!vault) return tl::unexpected(for_start(vault.error()));
  Result<TokenVerifier> tokens = TokenVerifier::create(config_.token_secret);
  if (!tokens) return tl::unexpected(for_start(tokens.error()));
  const store::DatabaseOptions database{.url = config_.database(context.home), .busy_timeout = kBusyTimeout};
  // Tried here first, so that a problem is an answer to whoever starts auth and not a loop of restarts.
  if (const Result<StreamRepository> opened = StreamRepository::open(database, *vault); !opened) {
    return tl::unexpected(for_start(opened.error()));
  }
  const std::shared_ptr<AuthShared> shared(
      new AuthShared{database, *vault, std::move(*tokens), context.health});
  const auto gate = std::make_shared<JobGate>(shared);
  context.health->set("database", runtime::HealthState::kStarting, "opening");
  runtime::add_child(context.root, gate->token_child());
  runtime::add_child(context.root, gate->database_child());

  config_.bus.home = context.home;
  const Result<bus::EndpointTable> endpoints = bus::endpoints(config_.bus);
  if (!endpoints) return tl::unexpected(endpoints.error());
  Result<std::unique_ptr<bus::Node>> node =
      bus::Node::start({.instance = "auth", .endpoints = *endpoints, .limits = {}});
  if (!node) return tl::unexpected(node.error());
  node_ = std::move(*node);
  node_->serve([gate](const bus::v1::Request& request, const bus::Responder& responder) {
    gate->accept(request, responder);
  });

  Result<std::unique_ptr<http::Server>> ops = http::start_ops(
      {.address = config_.ops_address,
       .port = config_.ops_port,
       .port_variable = "AUTH_OPS_PORT",
       .limits = {}},
      {.service = "auth", .health = context.health.get(), .metrics = {shared->metrics.registry()}});
  if (!ops) return tl::unexpected(ops.error());
  ops_ = std::move(*ops);
  return context.write_ports({{"AUTH_OPS_PORT", ops_->port()}});
}

void AuthService::drain(runtime::Deadline) {
  if (node_) node_->stop();
  ops_.reset();
}

std::optional<int> AuthService::command(std::span<char*> arguments) {
  if (arguments.empty() || std::string_view(arguments[0]) != "--issue-token") return std::nullopt;
  if (arguments.size() != 2) {
    std::cerr << "usage: millrace-auth --issue-token SUBJECT\n";
    return runtime::kExitUsage;
  }
  const Result<TokenVerifier> tokens = TokenVerifier::create(config_.token_secret);
  const Result<Secret> token =
      tokens ? tokens->issue(arguments[1], wall_us() / 1'000'000) : tl::unexpected(tokens.error());
  if (!token) {
    std::cerr << "millrace-auth: " << token.error().message << '\n';
    return runtime::kExitUsage;
  }
  std::cout << token->reveal() << '\n';
  return 0;
}

}  // namespace millrace::auth
