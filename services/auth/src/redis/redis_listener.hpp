// Subscribes to a channel of a Redis server and hands its messages on. A thread of its own with a deadline
// for everything; whatever Redis does, nobody else notices. A lost connection is made again after 0.5 s, 1 s,
// … 10 s, each shortened by up to half at random; silence is probed with PING.
//
// hiredis 0.14 speaks no TLS: where it is needed a TLS tunnel goes in front.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace millrace::auth {

struct RedisSettings {
  std::string host = "localhost";
  std::uint16_t port = 6379;
  Secret password{};
  std::string channel = "rtmp_commands";
  std::chrono::milliseconds connect_timeout{3000};
  std::chrono::milliseconds ping_every{15'000};
  std::chrono::milliseconds answer_timeout{5000};  // of SUBSCRIBE, AUTH and PING
  std::chrono::milliseconds first_pause{500};
  std::chrono::milliseconds longest_pause{10'000};
};

class RedisListener {
 public:
  // A message's bytes, valid during the call. On the listener's thread.
  using Message = std::function<void(std::string_view)>;
  // Whether it is subscribed; the reason in words when it is not. On the listener's thread, at every change.
  using State = std::function<void(bool subscribed, const std::string& reason)>;

  RedisListener(RedisSettings settings, Message message, State state);
  ~RedisListener();  // ends the thread
  RedisListener(const RedisListener&) = delete;
  RedisListener& operator=(const RedisListener&) = delete;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace millrace::auth
