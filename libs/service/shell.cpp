#include "service/shell.hpp"

#include <algorithm>

#include "bus/metrics.hpp"
#include "http/ops.hpp"

namespace millrace::service {

Shell::Shell() = default;
Shell::~Shell() {
  close();
}

Result<void> Shell::join_bus(const runtime::ServiceContext& context, bus::EndpointsConfig config) {
  config.home = context.home;
  const Result<bus::EndpointTable> endpoints = bus::endpoints(config);
  if (!endpoints) return tl::unexpected(endpoints.error());
  auto node = bus::Node::start({.service = context.name, .endpoints = *endpoints, .limits = {}});
  if (!node) return tl::unexpected(node.error());
  node_ = *std::move(node);
  return {};
}

Result<void> Shell::open_ops(const runtime::ServiceContext& context, const http::OpsConfig& config,
                             std::vector<std::shared_ptr<prometheus::Collectable>> metrics,
                             runtime::Ports ports) {
  metrics.push_back(bus::node_metrics(*node_));
  health_ = context.health;
  auto ops = http::start_ops(
      config, {.service = context.name, .health = health_.get(), .metrics = std::move(metrics)});
  if (!ops) return tl::unexpected(ops.error());
  ops_ = *std::move(ops);
  ports.emplace_back(config.port_variable, ops_->port());
  Result<void> written = context.write_ports(ports);
  if (!written) ops_.reset();  // no drain follows a start that failed
  return written;
}

void Shell::leave_bus() {
  if (node_) node_->stop();
}

void Shell::close(std::chrono::milliseconds grace) {
  if (ops_ && grace.count() > 0) ops_->drain(grace);
  ops_.reset();
  leave_bus();
}

std::chrono::milliseconds time_left(runtime::Deadline deadline, std::chrono::milliseconds reserve) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now() - reserve);
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace millrace::service
