// Questions to the other services, asked and waited for by application threads, and what is known of the
// services' presence. Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::api {

class Peers {
 public:
  static constexpr std::array<std::string_view, 2> kServices = {"auth", "metrics"};
  using Deadline = std::chrono::steady_clock::time_point;

  // What a service reported, on the bus thread: must not block. Its facts come again with each of its
  // snapshots.
  using Listener = std::function<void(std::string_view service, const bus::v1::Event& event)>;

  // Subscribes to kServices, to hear when one goes silent. The node outlives the Peers' last question, and
  // what the listener needs outlives the node.
  explicit Peers(bus::Node& node, const Listener& listener = {});
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  // Blocks the calling thread until the answer or the deadline. At once "api.peer_lost" when the service is
  // known to be silent; else the errors of bus::Node::request and of the answering service.
  Result<bus::v1::Reply> ask(std::string_view service, bus::v1::Request request, Deadline deadline);
  enum class Presence : std::uint8_t {
    kUnknown,  // not heard yet: questions wait for it
    kPresent,
    kLost,  // silent: questions are refused at once, until it is heard again
  };
  Presence presence(std::string_view service) const;
  // Another number whenever tokens that auth called good may be so no more.
  std::uint64_t access_epoch() const;

 private:
  struct View;
  bus::Node& node_;
  // Shared with the bus callbacks, which may outlive this.
  std::shared_ptr<View> view_;
};

}  // namespace millrace::api
