// The program: puts the parts together, starts and drains them.
#pragma once

#include <caf/fwd.hpp>
#include <memory>
#include <string>

#include "base/config.hpp"
#include "base/result.hpp"
#include "config.hpp"
#include "runtime/service.hpp"

namespace millrace::ingest {

class IngestService {
 public:
  IngestService();
  ~IngestService();
  IngestService(const IngestService&) = delete;
  IngestService& operator=(const IngestService&) = delete;

  void add_rows(ConfigTable& table) { config_.add_rows(table); }
  Result<void> start(runtime::ServiceContext& context);
  void drain(runtime::Deadline deadline);
  // Looks at the files of the certificate now and writes what came of it: reload_report.hpp. After start().
  void reload();

 private:
  struct Parts;
  Result<void> open_log(const runtime::ServiceContext& context);
  Result<void> open_tls(const runtime::ServiceContext& context);
  Result<void> open_bus(const runtime::ServiceContext& context);
  void remember_forwards(const runtime::ServiceContext& context);
  void start_supervisor(const runtime::ServiceContext& context);

  IngestConfig config_;
  std::string home_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace millrace::ingest
