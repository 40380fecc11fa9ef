// A server that forwards are sent to in tests: answers each connection with a script of its own, whatever it
// is asked to, and keeps what it received.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "net/unique_fd.hpp"

namespace millrace::ingest::testing {

class ScriptedServer {
 public:
  // scripts: for the first connection, the second, …; the last one serves all further ones too. A connection
  // stays open until its peer closes it.
  explicit ScriptedServer(std::vector<Bytes> scripts) : scripts_(std::move(scripts)) {
    listener_ = net::UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    (void)::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    (void)::listen(listener_.get(), 16);
    (void)::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    stopped_ = true;
    thread_.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return received_.size();
  }
  // By the connection of that number, from 0.
  std::string received(std::size_t connection) const {
    const std::lock_guard lock(mutex_);
    return connection < received_.size() ? received_[connection] : std::string();
  }

 private:
  struct Open {
    net::UniqueFd socket;
    std::size_t number = 0;
  };

  void run() {
    std::vector<Open> open;
    while (!stopped_) {
      std::vector<pollfd> waiting = {{listener_.get(), POLLIN, 0}};
      for (const Open& each : open) waiting.push_back({each.socket.get(), POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), 20) <= 0) continue;
      for (std::size_t i = open.size(); i-- > 0;) {
        if (waiting[i + 1].revents != 0 && !receive(open[i]))
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (waiting[0].revents != 0) accept(open);
    }
  }
  void accept(std::vector<Open>& open) {
    net::UniqueFd socket(::accept(listener_.get(), nullptr, nullptr));
    if (!socket) return;
    const std::lock_guard lock(mutex_);
    const std::size_t number = received_.size();
    received_.emplace_back();
    const Bytes& script = scripts_[std::min(number, scripts_.size() - 1)];
    (void)::send(socket.get(), script.data(), script.size(), MSG_NOSIGNAL);
    open.push_back({std::move(socket), number});
  }
  bool receive(const Open& from) {
    char buffer[65536];
    const ssize_t count = ::recv(from.socket.get(), buffer, sizeof(buffer), 0);
    if (count <= 0) return false;
    const std::lock_guard lock(mutex_);
    received_[from.number].append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  std::vector<Bytes> scripts_;
  net::UniqueFd listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace millrace::ingest::testing
