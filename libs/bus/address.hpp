// Where an instance of a service may be reached: a path in the ipc directory, or a host and port. Values
// only; no thread, no socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/result.hpp"

namespace millrace::bus {

// A path in an ipc:// address has to fit sockaddr_un (108 bytes); ZeroMQ wants a few of them.
inline constexpr std::size_t kMaxSocketPath = 100;
// Of an instance's name.
inline constexpr std::size_t kMaxInstanceName = 32;
// The only instance, where nobody names one. Its ipc sockets have the service's name alone.
inline constexpr std::string_view kDefaultInstance = "0";

// A process on the bus. instance is unique within the service and stays the same over restarts.
struct PeerName {
  std::string service;
  std::string instance{kDefaultInstance};

  auto operator<=>(const PeerName&) const = default;  // NOLINT(modernize-use-nullptr): false
};
// "ingest" for the default instance and for one without a name, else "ingest.1".
std::string to_string(const PeerName& name);
// a to z, 0 to 9 and "-", not beginning with "-"; at most kMaxInstanceName.
bool is_instance_name(std::string_view name);

// ZeroMQ addresses of one instance.
struct Endpoints {
  std::string events;    // PUB: v1::Event
  std::string commands;  // ROUTER: v1::Request and v1::Reply
  std::string pointers;  // PUB: v1::PointerBatch
};

struct Address {
  enum class Kind : std::uint8_t {
    kDirectory,  // every instance whose sockets are in BUS_DIR
    kIpc,        // host: the path that the three sockets' paths begin with
    kTcp,        // port and the two above it
  };
  Kind kind = Kind::kDirectory;
  std::string host{};  // kTcp: a name, or a number without brackets
  std::uint16_t port = 0;

  auto operator<=>(const Address&) const = default;  // NOLINT(modernize-use-nullptr): false
};

// "ipc://" (kDirectory), "ipc:///path", "tcp://host:port", "tcp://[2001:db8::1]:port". Nothing for anything
// else.
std::optional<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);
// Not for kDirectory.
Endpoints endpoints_of(const Address& address);
// "bus.address" when the path is too long for a socket.
Result<Address> ipc_address(const std::string& directory, const PeerName& name);
// Certainly this machine: 127.0.0.0/8, ::1, "localhost" and the names below it.
bool is_loopback(const Address& address);
// An IPv4 or IPv6 number, no name.
bool is_number(std::string_view host);

}  // namespace millrace::bus
