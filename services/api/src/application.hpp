// The REST application on Pistache, on a port of 127.0.0.1 that only the edge knows how to use. Never to be
// exposed: see README.md for the defects its guards are for.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "call.hpp"
#include "rate_limits.hpp"

namespace millrace::api {

struct ApplicationConfig {
  Secret edge_secret;
  unsigned threads = 8;          // each may wait for another service
  RateLimits* limits = nullptr;  // outlives the application; nullptr: none
};

class Application {
 public:
  // Binds a free port and serves from threads of its own. The context outlives it. Error: "api.application".
  static Result<std::unique_ptr<Application>> start(ApplicationConfig config, Context context);
  // Blocks until the threads have ended; answers in progress are lost.
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  std::uint16_t port() const;

  struct Impl;

 private:
  explicit Application(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::api
