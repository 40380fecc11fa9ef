// For tests of the bus and of services on it: a directory of sockets of their own, and a view of one
// service's facts that a test can wait for. Header only; never linked into a service.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"

namespace millrace::bus::testing {

inline constexpr std::chrono::seconds kPatience{20};

// A new directory below /tmp (socket paths are short), removed at the end.
class BusDirectory {
 public:
  BusDirectory() {
    std::string path = "/tmp/millrace-bus-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~BusDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  BusDirectory(const BusDirectory&) = delete;
  BusDirectory& operator=(const BusDirectory&) = delete;

  const std::string& path() const { return path_; }
  EndpointTable endpoints(std::string instance = {}) const {
    EndpointsConfig config;
    config.directory = path_;
    config.instance = std::move(instance);
    return *bus::endpoints(config);
  }
  NodeConfig config(std::string service, NodeLimits limits = {}) const {
    return {std::move(service), endpoints(), limits};
  }

 private:
  std::string path_;
};

inline std::unique_ptr<Node> started(NodeConfig config) {
  Result<std::unique_ptr<Node>> node = Node::start(std::move(config));
  if (!node) throw std::runtime_error(std::string(node.error().code) + ": " + node.error().message);
  return *std::move(node);
}

// The first of three ports that nobody had a moment ago, at any address; below those that the kernel hands
// out itself.
inline std::uint16_t free_ports() {
  const auto is_free = [](std::uint16_t port) {
    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
    ::close(fd);
    return bound;
  };
  std::random_device random;
  for (;;) {
    const auto port = static_cast<std::uint16_t>(10'000 + random() % 20'000);
    if (is_free(port) && is_free(static_cast<std::uint16_t>(port + 1)) &&
        is_free(static_cast<std::uint16_t>(port + 2)))
      return port;
  }
}

// The facts of one service as the callbacks told them: stream id of each fact by its key.
class FactView {
 public:
  EventHandler handler() {
    return {.on_snapshot = [this](const v1::Snapshot& snapshot) { replace(snapshot); },
            .on_event = [this](const v1::Event& event) { apply(event); },
            .on_lost = [this](const PeerName&) { change([this] { ++losses_; }); }};
  }

  using Facts = std::map<std::string, std::string>;
  bool wait_for(const Facts& facts) {
    return wait([&] { return facts_ == facts; });
  }
  bool wait_for_losses(int losses) {
    return wait([&] { return losses_ >= losses; });
  }
  bool wait_for_snapshots(int snapshots) {
    return wait([&] { return snapshots_ >= snapshots; });
  }
  bool wait_for_events(int events) {
    return wait([&] { return events_ >= events; });
  }
  Facts facts() {
    const std::lock_guard lock(mutex_);
    return facts_;
  }
  int snapshots() {
    const std::lock_guard lock(mutex_);
    return snapshots_;
  }

 private:
  void replace(const v1::Snapshot& snapshot) {
    change([&] {
      ++snapshots_;
      facts_.clear();
      for (const v1::Event& event : snapshot.events())
        facts_[event.key()] = event.stream_published().stream_id();
    });
  }
  void apply(const v1::Event& event) {
    change([&] {
      ++events_;
      if (event.key().empty()) return;
      if (event.retracted()) {
        facts_.erase(event.key());
      } else {
        facts_[event.key()] = event.stream_published().stream_id();
      }
    });
  }
  void change(const std::function<void()>& apply_change) {
    {
      const std::lock_guard lock(mutex_);
      apply_change();
    }
    changed_.notify_all();
  }
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Facts facts_;
  int snapshots_ = 0;
  int events_ = 0;
  int losses_ = 0;
};

inline v1::Event fact(const std::string& key, const std::string& value) {
  v1::Event event;
  event.set_key(key);
  event.mutable_stream_published()->set_stream_id(value);
  return event;
}

inline v1::Event retraction(const std::string& key) {
  v1::Event event;
  event.set_key(key);
  event.set_retracted(true);
  event.mutable_stream_ended();
  return event;
}

}  // namespace millrace::bus::testing
