// What an operator's tool asks of ingest over the bus: forward_command BUS_DIRECTORY start ID STREAM URL, or
// … stop ID. Ends with 0, or 1 and the error's code.
#include <chrono>
#include <future>
#include <iostream>

#include "bus/node.hpp"
#include "bus/v1/bus.pb.h"
#include "options.hpp"

namespace {

using namespace millrace;

constexpr const char* kUsage = "usage: forward_command BUS_DIRECTORY (start ID STREAM URL | stop ID)\n";
constexpr std::chrono::seconds kPatience{20};

bus::v1::Request request_of(const std::vector<std::string>& words) {
  bus::v1::Request request;
  if (words.size() == 5 && words[1] == "start") {
    request.mutable_start_forward()->set_forward_id(words[2]);
    request.mutable_start_forward()->set_stream_id(words[3]);
    request.mutable_start_forward()->set_url(words[4]);
  } else if (words.size() == 3 && words[1] == "stop") {
    request.mutable_stop_forward()->set_forward_id(words[2]);
  } else {
    tools::die(kUsage);
  }
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  const tools::Options options(argc, argv, {}, {}, kUsage);
  bus::v1::Request request = request_of(options.arguments);
  bus::EndpointsConfig config;
  config.directory = options.arguments[0];
  auto endpoints = bus::endpoints(config);
  if (!endpoints) tools::die(endpoints.error().message);
  auto node = bus::Node::start({.service = "", .endpoints = std::move(*endpoints), .limits = {}});
  if (!node) tools::die(node.error().message);
  std::promise<Result<bus::v1::Reply>> promise;
  (*node)->request("ingest", std::move(request), kPatience,
                   [&promise](Result<bus::v1::Reply> reply) { promise.set_value(std::move(reply)); });
  const Result<bus::v1::Reply> reply = promise.get_future().get();
  (*node)->stop();
  if (reply) return 0;
  std::cerr << reply.error().code << '\n';
  return 1;
}
