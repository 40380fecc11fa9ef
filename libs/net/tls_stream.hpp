// TLS over a non-blocking TCP socket that somebody else owns and polls. read and write behave like recv and
// sendmsg with MSG_DONTWAIT, so that a connection needs no second logic for TLS.
//
//   auto stream = TlsStream::accept(context, fd);
//   ready to read:  while ((n = stream->read(buffer)) > 0) …   // -1: errno, EAGAIN for "later"
//   ready to write: stream->write(parts);                      // while unsent(): watch for writing
//
// Bytes that were encrypted but not taken by the kernel count as written and are sent before anything else:
// what the caller has to write next may change meanwhile. They are at most one record (16 KiB).
//
// With kTLS (the kernel's, if it has it) writing is one sendmsg over all parts and the kernel encrypts.
//
// Owner: a connection; one thread at a time. The descriptor outlives the stream.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/tls_context.hpp"

struct ssl_st;

namespace millrace::net {

class TlsStream {
 public:
  enum class Handshake : std::uint8_t { kDone, kWantRead, kWantWrite, kFailed };
  static constexpr std::size_t kRecord = 16U << 10;

  // "tls.stream": no memory.
  static Result<std::unique_ptr<TlsStream>> accept(TlsContextPtr context, int fd);
  // host: a name (sent as SNI) or an IP address; what the certificate must be for when the context verifies.
  static Result<std::unique_ptr<TlsStream>> connect(TlsContextPtr context, int fd, const std::string& host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // As far as it goes now; again when the socket is ready. read and write do it too.
  Handshake handshake();
  // Fills the buffer as far as there is something. 0: the end. -1: errno; EAGAIN when nothing is there,
  // EPROTO for what is no TLS (error() says what).
  ssize_t read(std::span<std::uint8_t> buffer);
  // Bytes taken, perhaps not all. -1: errno, EAGAIN when the socket is full.
  ssize_t write(std::span<const iovec> parts);
  // Sends what was encrypted before: true when nothing is left. False: errno, EAGAIN for "later".
  bool flush();
  // Says close_notify if there is room for it. Nothing is written afterwards.
  void shutdown();

  // read() would return something now although the socket may have nothing: call it again.
  bool readable() const { return more_to_read_; }
  // Wants the socket to become writable, whatever the caller has to write.
  bool unsent() const { return pending_ > 0 || wants_write_; }
  bool kernel_sends() const { return kernel_sends_; }
  std::string_view version() const;  // "TLSv1.3"
  // Why a handshake, read or write failed; for people.
  const std::string& error() const { return error_; }

 private:
  TlsStream(TlsContextPtr context, ssl_st* ssl, int fd);
  static Result<std::unique_ptr<TlsStream>> make(TlsContextPtr context, int fd);
  ssize_t write_record(std::span<const std::uint8_t> plain);
  int failure(int result);
  void look_at_kernel();

  TlsContextPtr context_;
  ssl_st* ssl_;
  int fd_;
  std::size_t pending_ = 0;  // plain bytes of the record that waits in the library
  int failed_ = 0;           // errno of the first failure
  bool ended_ = false;       // by the peer
  bool more_to_read_ = false;
  bool wants_write_ = false;  // reading or the handshake
  bool established_ = false;
  bool kernel_sends_ = false;
  std::string error_;
};

}  // namespace millrace::net
