// api as a service: configuration, actors, bus, edge, operator's endpoints. Main thread only.
#pragma once

#include <memory>

#include "config.hpp"
#include "runtime/service.hpp"

namespace millrace::api {

class ApiService {
 public:
  ApiService();
  ~ApiService();
  ApiService(const ApiService&) = delete;
  ApiService& operator=(const ApiService&) = delete;

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);

 private:
  struct Parts;
  void start_live();
  Result<void> start_bus(const runtime::ServiceContext& context);
  Result<void> start_edge(const Secret& edge_secret);
  void start_actors(const runtime::ServiceContext& context, const Secret& edge_secret);

  ApiConfig config_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::api
