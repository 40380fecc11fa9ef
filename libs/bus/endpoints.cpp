#include "bus/endpoints.hpp"

#include <charconv>
#include <filesystem>

namespace millrace::bus {
namespace {

constexpr std::string_view kAddress = "bus.address";

std::string variable_of(std::string_view service) {
  std::string name = "BUS_";
  for (const char c : service) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

// tcp://host:port, with room for the two ports above it.
Result<Endpoints> tcp_endpoints(const std::string& variable, const std::string& address) {
  const std::string expected =
      variable + " must be tcp://host:port with a port from 1 to 65533, not \"" + address + "\"";
  constexpr std::string_view kScheme = "tcp://";
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with(kScheme) || colon <= kScheme.size()) return fail(kAddress, expected);
  unsigned port = 0;
  const char* end = address.data() + address.size();
  const auto [rest, error] = std::from_chars(address.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end || port == 0 || port > 65533) return fail(kAddress, expected);
  const std::string host = address.substr(0, colon + 1);
  return Endpoints{host + std::to_string(port), host + std::to_string(port + 1),
                   host + std::to_string(port + 2)};
}

Result<Endpoints> ipc_endpoints(const std::string& directory, std::string_view service) {
  const std::string base = directory + "/" + std::string(service);
  const std::string longest = base + ".commands";
  if (longest.size() > kMaxSocketPath) {
    return fail(kAddress, "BUS_DIR is too long: \"" + longest + "\" has " + std::to_string(longest.size()) +
                              " bytes, a socket path may have " + std::to_string(kMaxSocketPath));
  }
  return Endpoints{"ipc://" + base + ".events", "ipc://" + longest, "ipc://" + base + ".pointers"};
}

}  // namespace

void EndpointsConfig::add_rows(ConfigTable& table) {
  table.text("BUS_DIR", directory, "", "directory of the bus's ipc sockets; empty: $MILLRACE_HOME/run/bus");
  table.text("BUS_BIND", bind, "",
             "tcp://address:port to bind instead of ipc sockets: events there, commands and pointers on the "
             "next two ports");
  for (const std::string_view service : kServices) {
    table.text(variable_of(service), addresses[std::string(service)], "",
               "tcp://host:port of " + std::string(service) + "'s bus; empty: its ipc sockets");
  }
}

Result<EndpointTable> endpoints(const EndpointsConfig& config) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path directory =
      config.directory.empty() ? fs::path(config.home) / "run" / "bus" : fs::path(config.directory);
  EndpointTable table;
  table.directory = fs::absolute(directory, ignored).lexically_normal().string();
  while (table.directory.size() > 1 && table.directory.back() == '/') table.directory.pop_back();
  table.bind = config.bind;
  for (const std::string_view service : kServices) {
    const auto address = config.addresses.find(std::string(service));
    const bool remote = address != config.addresses.end() && !address->second.empty();
    Result<Endpoints> peer = remote ? tcp_endpoints(variable_of(service), address->second)
                                    : ipc_endpoints(table.directory, service);
    if (!peer) return tl::unexpected(peer.error());
    table.peers.emplace(service, *std::move(peer));
  }
  return table;
}

Result<EndpointTable> endpoints(const Environment& environment) {
  EndpointsConfig config;
  ConfigTable table;
  table.text("MILLRACE_HOME", config.home, ".millrace", "state root");
  config.add_rows(table);
  const Result<void> loaded = table.load(environment);
  if (!loaded) return tl::unexpected(loaded.error());
  return endpoints(config);
}

Result<Endpoints> bind_endpoints(const EndpointTable& table, std::string_view service) {
  if (!table.bind.empty()) return tcp_endpoints("BUS_BIND", table.bind);
  const auto peer = table.peers.find(std::string(service));
  if (peer == table.peers.end())
    return fail("bus.unknown_service", "no service \"" + std::string(service) + "\" on the bus");
  return peer->second;
}

}  // namespace millrace::bus
