// One address of a service: its sockets, made when they are first needed, and which of the service's keys
// they use. Bus thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "bus/keys.hpp"
#include "bus/node.hpp"
#include "bus/outstanding.hpp"
#include "bus/socket.hpp"
#include "bus/subscription.hpp"

namespace millrace::bus {

struct Link {
  Address address;
  std::optional<Socket> events{};
  std::optional<Socket> commands{};
  std::optional<Socket> pointers{};
  std::optional<Subscription> subscription{};
  std::deque<std::uint64_t> unsent{};   // requests for its snapshot that wait for the connection
  std::size_t key = 0;                  // which of the service's keys
  bool answered = false;                // with this key
  std::int64_t change_key_us = 0;       // when the next one is tried
  std::int64_t open_again_us = kNever;  // a socket could not be had: when it is tried again
  // Not empty: another link leads to this instance already; this one waits for that to go.
  std::string shadows{};
};
using LinkPtr = std::shared_ptr<Link>;

class Linker {
 public:
  // keys: null where tcp is plain. The references outlive it.
  Linker(zmq::context_t& context, const NodeLimits& limits, const Keys* keys)
      : context_(context), limits_(limits), keys_(keys) {}

  struct Wanted {
    bool events;
    bool commands;
    bool pointers;
  };
  // Makes what is wanted and not there yet. Nothing, where the service has no key, so that nobody can be it;
  // not all, where there was no descriptor for a socket: then open_again_us says when to try again.
  void open(const std::string& service, Link& link, Wanted wanted, std::int64_t now_us) const;
  // True: nobody answered with the key that was tried, and the sockets are to be opened with the next one.
  bool change_key(const std::string& service, Link& link, std::int64_t now_us) const;
  // When open or change_key has something to do.
  std::int64_t next_due_us(const std::string& service, const Link& link) const;

 private:
  bool find_key(const std::string& service, const Link& link, std::optional<Socket::Curve>& curve) const;
  void connect(std::optional<Socket>& socket, Socket::Kind kind, int high_water, const std::string& address,
               const std::optional<Socket::Curve>& curve) const;

  zmq::context_t& context_;
  const NodeLimits& limits_;
  const Keys* keys_;
};

}  // namespace millrace::bus
