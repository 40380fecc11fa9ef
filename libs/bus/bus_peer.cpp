// A process on the bus for tests that stop and kill one: `bus_peer publish|subscribe DIRECTORY HIGH_WATER`.
// Lines on standard input are commands, each is answered by one line: "fact KEY VALUE" and "retract KEY" by
// "ok", "facts" by all facts as KEY=VALUE; in their order.
#include <iostream>
#include <sstream>

#include "bus/testing.hpp"

namespace millrace::bus::testing {
namespace {

std::string execute(Node& node, FactView& view, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::string key;
  std::string value;
  words >> command >> key >> value;
  if (command == "fact") node.publish(fact(key, value));
  if (command == "retract") node.publish(retraction(key));
  if (command != "facts") return "ok";
  std::string text;
  for (const auto& [name, held] : view.facts()) text.append(name).append("=").append(held).append(";");
  return text;
}

int run(const std::string& role, const std::string& directory, int high_water) {
  EndpointsConfig config;
  config.directory = directory;
  NodeLimits limits;
  limits.high_water = high_water;
  FactView view;
  const bool publishes = role == "publish";
  const auto node = Node::start({publishes ? "ingest" : "packaging", *endpoints(config), limits});
  if (!node) {
    std::cerr << node.error().message << std::endl;
    return 1;
  }
  if (!publishes) (*node)->subscribe("ingest", view.handler());
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << execute(**node, view, line) << std::endl;
  return 0;
}

}  // namespace
}  // namespace millrace::bus::testing

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  return millrace::bus::testing::run(argv[1], argv[2], std::atoi(argv[3]));
}
