#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  auth::AuthService service;
  return runtime::run_service(
      argc, argv,
      {.name = "auth",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = [&](std::span<char*> arguments) { return service.command(arguments); },
       .configure_actors = {}});
}
