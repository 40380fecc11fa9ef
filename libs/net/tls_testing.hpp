// Certificates for tests: self-signed, P-256, made on the spot.
#pragma once

#include <chrono>
#include <string>

namespace millrace::net::testing {

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

// Writes <name>.crt and <name>.key into the directory, for localhost and 127.0.0.1. lifetime may be negative:
// expired. Throws when it can't: a test's own trouble.
CertificateFiles make_certificate(const std::string& directory, const std::string& name,
                                  std::chrono::seconds lifetime = std::chrono::hours(1));

}  // namespace millrace::net::testing
