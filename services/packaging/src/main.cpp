#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  packaging::PackagingService service;
  return runtime::run_service(
      argc, argv,
      {.name = "packaging",
       .summary = "makes HLS and HTTP-FLV of the media log",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = {},
       .configure_actors = {}});
}
