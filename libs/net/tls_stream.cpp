#include "net/tls_stream.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::net {

namespace {

bool is_address(const std::string& host) {
  std::array<std::uint8_t, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// Walks over the parts of a write in pieces of at most a record: in place where a part is long enough, else
// gathered, because every record costs its own header, tag and call.
class Pieces {
 public:
  explicit Pieces(std::span<const iovec> parts) : parts_(parts) { skip_empty(); }

  bool empty() const { return parts_.empty(); }
  std::span<const std::uint8_t> next() {
    const std::size_t left = parts_.front().iov_len - offset_;
    if (left >= TlsStream::kRecord || parts_.size() == 1) return take(std::min(left, TlsStream::kRecord));
    static thread_local std::array<std::uint8_t, TlsStream::kRecord> gathered;
    std::size_t filled = 0;
    while (!empty() && filled < gathered.size()) {
      const std::span<const std::uint8_t> piece =
          take(std::min(parts_.front().iov_len - offset_, gathered.size() - filled));
      std::memcpy(gathered.data() + filled, piece.data(), piece.size());
      filled += piece.size();
    }
    return {gathered.data(), filled};
  }

 private:
  std::span<const std::uint8_t> take(std::size_t count) {
    const std::span<const std::uint8_t> all(static_cast<const std::uint8_t*>(parts_.front().iov_base),
                                            parts_.front().iov_len);
    const std::span<const std::uint8_t> taken = all.subspan(offset_, count);
    offset_ += count;
    skip_empty();
    return taken;
  }
  void skip_empty() {
    while (!parts_.empty() && offset_ == parts_.front().iov_len) {
      parts_ = parts_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const iovec> parts_;
  std::size_t offset_ = 0;
};

}  // namespace

TlsStream::TlsStream(TlsContextPtr context, ssl_st* ssl, int fd)
    : context_(std::move(context)), ssl_(ssl), fd_(fd) {}

TlsStream::~TlsStream() {
  ::SSL_free(ssl_);
}

Result<std::unique_ptr<TlsStream>> TlsStream::make(TlsContextPtr context, int fd) {
  ::ERR_clear_error();
  ssl_st* const ssl = ::SSL_new(context->native());
  if (ssl == nullptr) return fail("tls.stream", "no memory");
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(context), ssl, fd));
  if (::SSL_set_fd(ssl, fd) != 1) return fail("tls.stream", "no memory");
  return stream;
}

Result<std::unique_ptr<TlsStream>> TlsStream::accept(TlsContextPtr context, int fd) {
  auto stream = make(std::move(context), fd);
  if (stream) ::SSL_set_accept_state((*stream)->ssl_);
  return stream;
}

Result<std::unique_ptr<TlsStream>> TlsStream::connect(TlsContextPtr context, int fd,
                                                      const std::string& host) {
  const bool verify = context->verifies_peer();
  auto stream = make(std::move(context), fd);
  if (!stream) return stream;
  ssl_st* const ssl = (*stream)->ssl_;
  ::SSL_set_connect_state(ssl);
  bool usable = true;
  if (is_address(host)) {
    if (verify) usable = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    usable = ::SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
             (!verify || ::SSL_set1_host(ssl, host.c_str()) == 1);
  }
  if (!usable) return fail("tls.host", "\"" + host + "\" is no host name");
  return stream;
}

// Notes why the library stopped. Returns SSL_ERROR_…
int TlsStream::failure(int result) {
  const int error = ::SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_SYSCALL) {
    failed_ = errno == 0 ? ECONNRESET : errno;
    error_ = std::strerror(failed_);
  } else if (error == SSL_ERROR_SSL) {
    failed_ = EPROTO;
    const char* const reason = ::ERR_reason_error_string(::ERR_peek_error());
    error_ = reason == nullptr ? "protocol error" : reason;
    const long verified = ::SSL_get_verify_result(ssl_);
    if (verified != X509_V_OK) error_ += std::string(": ") + ::X509_verify_cert_error_string(verified);
  }
  ::ERR_clear_error();
  return error;
}

TlsStream::Handshake TlsStream::handshake() {
  if (failed_ != 0) return Handshake::kFailed;
  ::ERR_clear_error();
  errno = 0;
  wants_write_ = false;
  const int result = ::SSL_do_handshake(ssl_);
  if (result == 1) {
    look_at_kernel();
    // The peer's first bytes may have come along with its last of the handshake.
    more_to_read_ = ::SSL_has_pending(ssl_) == 1;
    return Handshake::kDone;
  }
  switch (failure(result)) {
    case SSL_ERROR_WANT_READ:
      return Handshake::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return Handshake::kWantWrite;
    default:
      if (failed_ == 0) failed_ = ECONNRESET;
      if (error_.empty()) error_ = "closed by the peer";
      return Handshake::kFailed;
  }
}

void TlsStream::look_at_kernel() {
  if (established_) return;
  established_ = true;
  kernel_sends_ = BIO_get_ktls_send(::SSL_get_wbio(ssl_)) != 0;
}

ssize_t TlsStream::read(std::span<std::uint8_t> buffer) {
  std::size_t total = 0;
  wants_write_ = false;
  more_to_read_ = false;
  while (!ended_ && failed_ == 0 && total < buffer.size()) {
    ::ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int result = ::SSL_read_ex(ssl_, buffer.data() + total, buffer.size() - total, &count);
    if (result == 1) {
      total += count;
      continue;
    }
    const int error = failure(result);
    if (error == SSL_ERROR_WANT_READ) break;
    wants_write_ = error == SSL_ERROR_WANT_WRITE;
    if (wants_write_) break;
    ended_ = error == SSL_ERROR_ZERO_RETURN;
    if (!ended_ && failed_ == 0) failed_ = ECONNRESET;
  }
  const bool over = ended_ || failed_ != 0;
  if (total > 0) {
    more_to_read_ = over || total == buffer.size();
    return static_cast<ssize_t>(total);
  }
  if (ended_) return 0;
  errno = over ? failed_ : EAGAIN;
  return -1;
}

// Everything, or it waits in the library and is said to be everything.
ssize_t TlsStream::write_record(std::span<const std::uint8_t> plain) {
  ::ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int result = ::SSL_write_ex(ssl_, plain.data(), plain.size(), &count);
  if (result == 1) return static_cast<ssize_t>(count);
  switch (failure(result)) {
    case SSL_ERROR_WANT_WRITE:
      if (::SSL_is_init_finished(ssl_) == 0) break;
      pending_ = plain.size();
      return static_cast<ssize_t>(plain.size());
    case SSL_ERROR_WANT_READ:
      break;
    default:
      if (failed_ == 0) failed_ = ECONNRESET;
      errno = failed_;
      return -1;
  }
  errno = EAGAIN;
  return -1;
}

bool TlsStream::flush() {
  if (failed_ != 0) {
    errno = failed_;
    return false;
  }
  if (pending_ == 0) return true;
  // The library compares the length and sends what it encrypted; it does not look at these.
  static constexpr std::array<std::uint8_t, kRecord> kNotLookedAt{};
  const std::size_t size = std::exchange(pending_, 0);
  if (write_record({kNotLookedAt.data(), size}) < 0) return false;
  if (pending_ == 0) return true;
  errno = EAGAIN;
  return false;
}

ssize_t TlsStream::write(std::span<const iovec> parts) {
  if (!flush()) return -1;
  if (kernel_sends_) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    return ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  std::size_t total = 0;
  for (Pieces pieces(parts); !pieces.empty() && pending_ == 0;) {
    const ssize_t count = write_record(pieces.next());
    if (count < 0) return total > 0 ? static_cast<ssize_t>(total) : -1;
    total += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(total);
}

void TlsStream::shutdown() {
  if (failed_ != 0 || pending_ > 0 || ::SSL_is_init_finished(ssl_) == 0) return;
  ::ERR_clear_error();
  (void)::SSL_shutdown(ssl_);
  ::ERR_clear_error();
}

std::string_view TlsStream::version() const {
  return ::SSL_get_version(ssl_);
}

}  // namespace millrace::net
