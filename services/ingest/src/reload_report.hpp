// What came of a reload, for whoever asked for it: $MILLRACE_HOME/run/ingest.reload, one JSON object
// {"state": …, "reason": …}, written whole or not at all after each SIGHUP.
#pragma once

#include <string>

#include "base/result.hpp"
#include "net/tls_certificate.hpp"

namespace millrace::ingest {

// Of a look at the certificate's files: "taken", "unchanged" or, with the reason, "refused". Any thread.
Result<void> write_reload_report(const std::string& home, const Result<net::TlsCertificate::Check>& looked);
// "none": no certificate is set.
Result<void> write_reload_report(const std::string& home);

}  // namespace millrace::ingest
