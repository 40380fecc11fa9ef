// A service with nothing to do, for service_test: PROBE_START says how its start goes, PROBE_DRAIN how its
// drain does, PROBE_END how its objects go that outlive run_service.
#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "runtime/service.hpp"
#include "runtime/supervisor.hpp"

namespace millrace::runtime {
namespace {

class CrashingActor : public caf::event_based_actor {
 public:
  explicit CrashingActor(caf::actor_config& config) : caf::event_based_actor(config) {}
  caf::behavior make_behavior() override { throw std::runtime_error("crash"); }
};

class IdleActor : public caf::event_based_actor {
 public:
  explicit IdleActor(caf::actor_config& config) : caf::event_based_actor(config) {}
  caf::behavior make_behavior() override {
    return {[](int) {}};
  }
};

Result<void> start(const std::string& how, ServiceContext& context) {
  if (how == "busy") return tl::unexpected(port_in_use(1935, "RTMP_PORT"));
  if (how == "config") return fail("config.probe", "PROBE must be something else");
  if (how == "fails") return fail("probe.broken", "cannot start");
  if (how == "throws") throw std::runtime_error("thrown by start");
  if (how == "gives_up") context.give_up({"probe.lost", "cannot go on"});
  ChildSpec child;
  child.name = "child";
  child.spawn = [how](caf::event_based_actor& self) -> caf::actor {
    if (how == "crashes") return self.spawn<CrashingActor>();
    return self.spawn<IdleActor>();
  };
  add_child(context.root, child);
  Result<void> written = context.write_ports({{"RTMP_PORT", 1935}, {"PORT", 3000}});
  if (written) std::cout << "ready" << std::endl;
  return written;
}

// An object of the service, as its threads, files and connections are.
class Belonging {
 public:
  explicit Belonging(const std::string& end) : end_(end) {}
  ~Belonging() {
    if (end_ != "hangs") return;
    std::cout << "ending" << std::endl;
    std::this_thread::sleep_for(std::chrono::hours(1));
  }
  Belonging(const Belonging&) = delete;
  Belonging& operator=(const Belonging&) = delete;

 private:
  const std::string& end_;
};

int run(int argc, char** argv) {
  std::string how;
  std::string drain;
  std::string end;
  const Belonging belonging(end);
  ServiceDefinition definition;
  definition.name = "probe";
  definition.configure = [&](ConfigTable& table) {
    table.text("PROBE_START", how, "well", "how the start goes");
    table.text("PROBE_DRAIN", drain, "well", "how the drain goes");
    table.text("PROBE_END", end, "well", "how its objects go");
  };
  definition.summary = "is started by tests";
  definition.options = "       millrace-probe --answer\n";
  definition.start = [&](ServiceContext& context) { return start(how, context); };
  definition.drain = [&](Deadline) {
    std::cout << "draining" << std::endl;
    if (drain == "throws") throw std::runtime_error("thrown by drain");
    if (drain == "hangs") std::this_thread::sleep_for(std::chrono::hours(1));
  };
  if (std::getenv("PROBE_RELOADS") != nullptr)
    definition.reload = [] { std::cout << "reloaded" << std::endl; };
  definition.command = [](std::span<char*> arguments) -> std::optional<int> {
    if (std::string(arguments[0]) != "--answer") return std::nullopt;
    return 42;
  };
  return run_service(argc, argv, definition);
}

}  // namespace
}  // namespace millrace::runtime

int main(int argc, char** argv) {
  return millrace::runtime::run(argc, argv);
}
