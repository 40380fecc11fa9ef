#include "runtime/service.hpp"
#include "service.hpp"

int main(int argc, char** argv) {
  millrace::ingest::IngestService service;
  return millrace::runtime::run_service(
      argc, argv,
      {.name = "ingest",
       .summary = "takes RTMP streams, writes them to the media log and serves RTMP players",
       .configure = [&service](millrace::ConfigTable& table) { service.add_rows(table); },
       .start = [&service](millrace::runtime::ServiceContext& context) { return service.start(context); },
       .drain = [&service](millrace::runtime::Deadline deadline) { service.drain(deadline); },
       .reload = [&service] { service.reload(); },
       .command = nullptr,
       .configure_actors = nullptr});
}
