// Answers libzmq's question whether a peer's key is let in (ZAP, RFC 27): one short answer for each
// handshake, from a list that does not change. Bus thread only; it has to be there before a socket with
// CURVE is bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "base/result.hpp"
#include "bus/keys.hpp"
#include "bus/mailbox.hpp"

namespace millrace::bus {

class Gatekeeper {
 public:
  // Handshakes that wait for an answer; more wait at their connections, and end there after their time.
  static constexpr int kMaxWaiting = 1000;

  // Both outlive it.
  Gatekeeper(zmq::context_t& context, const Keys& keys, Counters& counters);

  void* handle() { return socket_.handle(); }
  // Answers what waits, up to a bound.
  void serve();

 private:
  bool answer_one();
  void reply(const zmq::message_t& to, const std::string& request_id,
             const std::optional<std::string>& owner);

  zmq::socket_t socket_;
  const Keys& keys_;
  Counters& counters_;
};

}  // namespace millrace::bus
