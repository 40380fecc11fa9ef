// What TLS streams are made from: versions, ciphers, certificate. Made once and shared by many streams; a
// reload makes a new one, streams that live keep theirs.
//
// Any thread. TLS 1.2 and 1.3, no compression, no renegotiation, forward secrecy and authenticated encryption
// only. Clients are not asked for certificates.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/wall_time.hpp"

struct ssl_ctx_st;

namespace millrace::net {

class TlsContext {
 public:
  // Of regular files; everything else is refused at once and never waited for.
  static constexpr std::size_t kMaxCertificateFile = 1UL << 20;
  static constexpr std::size_t kMaxAuthoritiesFile = 4UL << 20;

  // PEM files: the chain, the server's own certificate first, and its private key (not encrypted). Errors:
  // "tls.certificate", "tls.key" (unreadable), "tls.mismatch" (the key is another certificate's). Their texts
  // hold paths and reasons, nothing of the key.
  static Result<std::shared_ptr<const TlsContext>> server(const std::string& certificate_path,
                                                          const std::string& key_path);
  // verify: the peer's chain must lead to a trusted authority and name the host; authorities_path: a PEM file
  // of those, empty for the system's. "tls.authorities".
  static Result<std::shared_ptr<const TlsContext>> client(bool verify = true,
                                                          const std::string& authorities_path = {});

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  bool verifies_peer() const { return verifies_peer_; }
  // Of the server's certificate; not set for clients.
  WallTime expires_at() const { return expires_at_; }
  ssl_ctx_st* native() const { return context_; }  // for TlsStream

 private:
  explicit TlsContext(ssl_ctx_st* context);

  ssl_ctx_st* context_;
  bool verifies_peer_ = false;
  WallTime expires_at_;
};

using TlsContextPtr = std::shared_ptr<const TlsContext>;

}  // namespace millrace::net
