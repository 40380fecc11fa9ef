// Where the instances of the bus are. On one machine every service has three ipc:// sockets below BUS_DIR;
// between machines BUS_<SERVICE> names a tcp:// address. Values only; no thread, no socket.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/result.hpp"

namespace millrace::bus {

// Every service that takes part in the bus; the names are instance names and parts of variable names.
inline constexpr std::array<std::string_view, 6> kServices = {"ingest",    "auth",    "packaging",
                                                              "recording", "metrics", "api"};

// A path in an ipc:// address has to fit sockaddr_un (108 bytes); ZeroMQ wants a few of them.
inline constexpr std::size_t kMaxSocketPath = 100;

// ZeroMQ addresses of one instance.
struct Endpoints {
  std::string events;    // PUB: v1::Event
  std::string commands;  // ROUTER: v1::Request and v1::Reply
  std::string pointers;  // PUB: v1::PointerBatch
};

struct EndpointTable {
  std::string directory;                   // BUS_DIR, absolute
  std::map<std::string, Endpoints> peers;  // by service: where to connect to
  std::string bind;                        // BUS_BIND: empty, or where the owner binds instead
};

// The variables behind an EndpointTable: a service adds these rows to its own table.
struct EndpointsConfig {
  std::string home;
  std::string directory;
  std::string bind;
  std::map<std::string, std::string> addresses;  // by service, empty: ipc
  void add_rows(ConfigTable& table);
};

// "bus.address" names the variable when a path is too long or an address is not tcp://host:port.
Result<EndpointTable> endpoints(const EndpointsConfig& config);
// The same, straight from the environment.
Result<EndpointTable> endpoints(const Environment& environment);
// What `service` has to bind: its peers' entry, or BUS_BIND.
Result<Endpoints> bind_endpoints(const EndpointTable& table, std::string_view service);

}  // namespace millrace::bus
