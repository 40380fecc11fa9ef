#include "reload_report.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace millrace::ingest {

namespace {

Result<void> write(const std::string& home, const std::string& state, const std::string& reason) {
  const std::string path = home + "/run/ingest.reload";
  const std::string draft = path + ".new";
  const nlohmann::json report = {{"state", state}, {"reason", reason}};
  std::ofstream file(draft);
  file << report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  file.close();
  if (file && std::rename(draft.c_str(), path.c_str()) == 0) return {};
  return fail("ingest.reload_report", "cannot write " + path + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<void> write_reload_report(const std::string& home, const Result<net::TlsCertificate::Check>& looked) {
  if (!looked) return write(home, "refused", looked.error().message);
  return write(home, *looked == net::TlsCertificate::Check::kReplaced ? "taken" : "unchanged", "");
}

Result<void> write_reload_report(const std::string& home) {
  return write(home, "none", "");
}

}  // namespace millrace::ingest
