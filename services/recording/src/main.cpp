#include "service.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  recording::RecordingService service;
  return runtime::run_service(
      argc, argv,
      {.name = "recording",
       .summary = "writes the streams of the media log to MP4 files",
       .configure = [&](ConfigTable& table) { service.add_rows(table); },
       .start = [&](runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&](runtime::Deadline deadline) { service.drain(deadline); },
       .command = {},
       .configure_actors = {}});
}
