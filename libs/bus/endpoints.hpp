// Where the instances of the bus are. Every instance has three ipc:// sockets below BUS_DIR, and BUS_BIND
// adds tcp:// addresses to them. BUS_<SERVICE> lists where a service's instances are looked for. Values
// only; no thread, no socket.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/result.hpp"
#include "bus/address.hpp"

namespace millrace::bus {

// Every service that takes part in the bus, those of services/services.txt; the names are parts of socket and
// variable names. A function, so that another service is another object and not another everything.
std::span<const std::string_view> services();

// Entries of one list.
inline constexpr std::size_t kMaxAddresses = 64;

struct EndpointTable {
  std::string directory;                                   // BUS_DIR, absolute
  std::string instance{kDefaultInstance};                  // BUS_INSTANCE: ours
  std::map<std::string, std::vector<Address>> peers = {};  // by service: where to look, in order
  std::vector<Address> bind = {};                          // BUS_BIND: tcp, beside the ipc sockets
  std::string keys = {};                                   // BUS_KEYS; empty: tcp is plain
};

// The variables behind an EndpointTable: a service adds these rows to its own table.
struct EndpointsConfig {
  std::string home;
  std::string directory;
  std::string instance;
  std::string bind;
  std::string keys;
  std::map<std::string, std::string> addresses;  // by service, empty: all ipc sockets in the directory
  void add_rows(ConfigTable& table);
};

// "bus.address" names the variable when a path is too long or an address is none; "bus.instance" when the
// name is none; "bus.plain" for a tcp address outside this machine without keys.
Result<EndpointTable> endpoints(const EndpointsConfig& config);
// The same, straight from the environment.
Result<EndpointTable> endpoints(const Environment& environment);
// What the instance of `service` has to bind: its ipc sockets, then BUS_BIND.
Result<std::vector<Address>> bind_addresses(const EndpointTable& table, std::string_view service);

}  // namespace millrace::bus
