#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  api::ApiService service;
  return runtime::run_service(
      argc, argv,
      {.name = "api",
       .summary = "serves the HTTP API and the web pages",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = {},
       .configure_actors = {}});
}
