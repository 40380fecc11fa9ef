#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <system_error>

namespace millrace::net {

namespace {

// TLS 1.2; those of 1.3 are all of this kind.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// Several records per system call where the kernel does not decrypt itself.
constexpr std::size_t kReadBuffer = 32U << 10;
constexpr std::uint64_t kOptions = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_ENABLE_KTLS |
                                   // RTMP's messages have lengths: an end without close_notify loses nothing.
                                   SSL_OP_IGNORE_UNEXPECTED_EOF;

// The first reason, and an empty queue for the next.
std::string reason() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* const text = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

// An encrypted key would else be asked for on the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

ssl_ctx_st* make(const SSL_METHOD* method) {
  ssl_ctx_st* const context = ::SSL_CTX_new(method);
  if (context == nullptr) return nullptr;
  (void)::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  (void)::SSL_CTX_set_cipher_list(context, kCiphers);
  ::SSL_CTX_set_options(context, kOptions);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need none
  ::SSL_CTX_set_read_ahead(context, 1);
  ::SSL_CTX_set_default_read_buffer_len(context, kReadBuffer);
  ::SSL_CTX_set_default_passwd_cb(context, no_password);
  return context;
}

std::int64_t expiry_of(ssl_ctx_st* context) {
  const X509* const certificate = ::SSL_CTX_get0_certificate(context);
  std::tm time{};
  if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &time) != 1) return 0;
  return ::timegm(&time);
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context) : context_(context) {}

TlsContext::~TlsContext() {
  ::SSL_CTX_free(context_);
}

Result<TlsContextPtr> TlsContext::server(const std::string& certificate_path, const std::string& key_path) {
  ::ERR_clear_error();
  ssl_ctx_st* const native = make(::TLS_server_method());
  if (native == nullptr) return fail("tls.context", reason());
  std::shared_ptr<TlsContext> context(new TlsContext(native));
  if (::SSL_CTX_use_certificate_chain_file(native, certificate_path.c_str()) != 1)
    return fail("tls.certificate", "no certificate in " + certificate_path + ": " + reason());
  if (::SSL_CTX_use_PrivateKey_file(native, key_path.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(::ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string why = reason();
    if (mismatch) return fail("tls.mismatch", key_path + " is not the key of " + certificate_path);
    return fail("tls.key", "no usable private key in " + key_path + ": " + why);
  }
  if (::SSL_CTX_check_private_key(native) != 1) {
    ::ERR_clear_error();
    return fail("tls.mismatch", key_path + " is not the key of " + certificate_path);
  }
  context->expires_at_ = expiry_of(native);
  return TlsContextPtr(std::move(context));
}

Result<TlsContextPtr> TlsContext::client(bool verify, const std::string& authorities_path) {
  ::ERR_clear_error();
  ssl_ctx_st* const native = make(::TLS_client_method());
  if (native == nullptr) return fail("tls.context", reason());
  std::shared_ptr<TlsContext> context(new TlsContext(native));
  context->verifies_peer_ = verify;
  if (!verify) return TlsContextPtr(std::move(context));
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  const int loaded = authorities_path.empty()
                         ? ::SSL_CTX_set_default_verify_paths(native)
                         : ::SSL_CTX_load_verify_locations(native, authorities_path.c_str(), nullptr);
  if (loaded != 1) return fail("tls.authorities", "no authorities in " + authorities_path + ": " + reason());
  return TlsContextPtr(std::move(context));
}

}  // namespace millrace::net
