// The frame of every service's main(): options, configuration, log, signals, actor system, drain, exit code.
//
//   int main(int argc, char** argv) {
//     PackagingService service;
//     return runtime::run_service(argc, argv, {.name = "packaging",
//       .configure = [&](ConfigTable& table) { service.add_rows(table); },
//       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
//       .drain = [&](auto deadline) { service.drain(deadline); }});
//   }
//
// Exit codes: 0 after a drain, 64 bad configuration or option, 69 a port is in use, 70 it could not start or
// cannot go on.
#pragma once

#include <caf/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.hpp"
#include "base/result.hpp"
#include "runtime/health.hpp"

namespace millrace::runtime {

inline constexpr int kExitUsage = 64;
inline constexpr int kExitPortInUse = 69;
inline constexpr int kExitSoftware = 70;

using Deadline = std::chrono::steady_clock::time_point;
// NAME=number lines of the ports file, such as {"RTMP_PORT", 1935}.
using Ports = std::vector<std::pair<std::string, std::uint16_t>>;

// What start() gets; lives until the process ends.
struct ServiceContext {
  std::string name;
  std::string home;  // MILLRACE_HOME, absolute, exists
  Environment environment;
  std::shared_ptr<Health> health;
  caf::actor_system& actors;
  // The service's root supervisor: add_child(context.root, …). Its escalation ends the process with 70.
  const caf::actor& root;
  // The service cannot go on: drains and exits with 70. Any thread, once is enough.
  std::function<void(const Error&)> give_up;

  // Writes $MILLRACE_HOME/run/<service>.ports, whole or not at all. Call when every listener is bound.
  Result<void> write_ports(const Ports& ports) const;
};

struct ServiceDefinition {
  std::string name{};  // "ingest": the program is millrace-ingest
  // For --help: what the program does, in a line, and a line of usage for each option of command.
  std::string summary{};
  std::string options{};
  // Adds the service's rows. MILLRACE_HOME, DRAIN_SECONDS and the log's are there already.
  std::function<void(ConfigTable&)> configure{};
  // Main thread; returns when everything is listening. A code that ends in ".port_in_use" exits with 69, one
  // that begins with "config." with 64.
  std::function<Result<void>(ServiceContext&)> start{};
  // Main thread, after SIGTERM, SIGINT or give_up: notify clients, finish files, stop threads; return before
  // the deadline. What is still running a second after the deadline is cut off.
  std::function<void(Deadline)> drain{};
  // Signal thread, after SIGHUP and a start that is over: read files again. Returns at once. Optional: SIGHUP
  // is ignored without it.
  std::function<void()> reload{};
  // Further options, such as --issue-token SUBJECT: an exit code, or nullopt when the arguments are not its
  // own. Runs with the configuration loaded, before anything is started. Optional.
  std::function<std::optional<int>(std::span<char*> arguments)> command{};
  // For message types of CAF that cross processes. Optional.
  std::function<void(caf::actor_system_config&)> configure_actors{};
};

// Once in a process, and its main() ends with it: from the drain on the process has DRAIN_SECONDS and one
// second more to end, destructors of main()'s objects included, and is then cut off with kExitSoftware.
int run_service(int argc, char** argv, const ServiceDefinition& definition);

// "port 1935 (RTMP_PORT) is in use", code "runtime.port_in_use".
Error port_in_use(std::uint16_t port, std::string_view variable);
Result<void> write_ports_file(const std::string& home, std::string_view service, const Ports& ports);

}  // namespace millrace::runtime
