#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  transcoding::TranscodingService service;
  return runtime::run_service(
      argc, argv,
      {.name = "transcoding",
       .summary = "starts and supervises the children that make renditions",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = {},
       .configure_actors = {}});
}
