#include "bus/endpoints.hpp"

#include <algorithm>
#include <filesystem>

#include "bus/errors.hpp"

namespace millrace::bus {
namespace {

std::string variable_of(std::string_view service) {
  std::string name = "BUS_";
  for (const char c : service) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view part = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

Result<std::vector<Address>> parse_list(const std::string& variable, std::string_view list, bool tcp_only,
                                        bool encrypted) {
  std::vector<Address> addresses;
  for (const std::string_view part : split(list)) {
    const std::optional<Address> address = parse_address(part);
    if (!address || (tcp_only && address->kind != Address::Kind::kTcp)) {
      return fail(bus::errors::kAddress, variable + ": \"" + std::string(part) +
                                             "\" is not tcp://host:port with a port from 1 to 65533" +
                                             (tcp_only ? "" : ", ipc:///path or ipc://"));
    }
    if (!encrypted && !is_loopback(*address)) {
      return fail("bus.plain", variable + ": " + to_string(*address) +
                                   " may be outside this machine, and without keys the bus is not encrypted: "
                                   "set BUS_KEYS (./millrace keys makes them), or use a loopback address");
    }
    addresses.push_back(*address);
  }
  if (addresses.size() > kMaxAddresses)
    return fail(bus::errors::kAddress,
                variable + " has more than " + std::to_string(kMaxAddresses) + " addresses");
  return addresses;
}

Result<void> add_peers(EndpointTable& table, const EndpointsConfig& config) {
  for (const std::string_view service : services()) {
    const auto given = config.addresses.find(std::string(service));
    std::vector<Address>& peers = table.peers[std::string(service)];
    if (given != config.addresses.end()) {
      Result<std::vector<Address>> list =
          parse_list(variable_of(service), given->second, false, !config.keys.empty());
      if (!list) return tl::unexpected(list.error());
      peers = *std::move(list);
    }
    if (peers.empty()) peers.emplace_back();
    const Result<Address> longest = ipc_address(table.directory, {std::string(service), table.instance});
    if (!longest) return tl::unexpected(longest.error());
  }
  return {};
}

}  // namespace

void EndpointsConfig::add_rows(ConfigTable& table) {
  table.text("BUS_DIR", directory, "", "directory of the bus's ipc sockets; empty: $MILLRACE_HOME/run/bus");
  table.text("BUS_INSTANCE", instance, std::string(kDefaultInstance),
             "name of this instance of the service: no two have the same, and it stays over restarts");
  table.text("BUS_BIND", bind, "",
             "tcp://address:port, …: where to listen beside the ipc sockets: events there, commands and "
             "pointers on the next two ports");
  table.text("BUS_KEYS", keys, "",
             "directory of the keys that encrypt the bus over tcp and say who is let in; empty: tcp is "
             "plain, and for "
             "loopback addresses only");
  for (const std::string_view service : services()) {
    table.text(variable_of(service), addresses[std::string(service)], "",
               "where instances of " + std::string(service) +
                   " are: tcp://host:port, ipc:///path or ipc:// (all in BUS_DIR), …; empty: ipc://");
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
  if (!config.instance.empty()) table.instance = config.instance;
  if (!is_instance_name(table.instance)) {
    return fail("bus.instance", "BUS_INSTANCE: \"" + table.instance +
                                    "\" must be 1 to 32 of a-z, 0-9 and \"-\", not beginning with \"-\"");
  }
  Result<std::vector<Address>> bind = parse_list("BUS_BIND", config.bind, true, !config.keys.empty());
  if (!bind) return tl::unexpected(bind.error());
  table.bind = *std::move(bind);
  table.keys = config.keys;
  if (Result<void> added = add_peers(table, config); !added) return tl::unexpected(added.error());
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

Result<std::vector<Address>> bind_addresses(const EndpointTable& table, std::string_view service) {
  if (!table.peers.contains(std::string(service)))
    return fail("bus.unknown_service", "no service \"" + std::string(service) + "\" on the bus");
  Result<Address> own = ipc_address(table.directory, {std::string(service), table.instance});
  if (!own) return tl::unexpected(own.error());
  std::vector<Address> addresses{*std::move(own)};
  addresses.insert(addresses.end(), table.bind.begin(), table.bind.end());
  return addresses;
}

}  // namespace millrace::bus
