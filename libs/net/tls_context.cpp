#include "net/tls_context.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <string_view>
#include <system_error>

#include "base/regular_file.hpp"

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

template <auto free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Memory = std::unique_ptr<BIO, Freeing<::BIO_free>>;
using Certificate = std::unique_ptr<X509, Freeing<::X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freeing<::EVP_PKEY_free>>;

Memory memory_of(std::string_view bytes) {
  return Memory(::BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// The end of what PEM files hold is an error to OpenSSL.
bool is_end_of_pem() {
  const unsigned long code = ::ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) return false;
  ::ERR_clear_error();
  return true;
}

bool use_chain(ssl_ctx_st* context, std::string_view pem) {
  const Memory memory = memory_of(pem);
  const Certificate own(memory ? ::PEM_read_bio_X509_AUX(memory.get(), nullptr, no_password, nullptr)
                               : nullptr);
  if (!own || ::SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (true) {
    Certificate next(::PEM_read_bio_X509(memory.get(), nullptr, no_password, nullptr));
    if (!next) return is_end_of_pem();
    if (::SSL_CTX_add0_chain_cert(context, next.get()) != 1) return false;
    (void)next.release();  // the context's from now on
  }
}

bool use_key(ssl_ctx_st* context, std::string_view pem) {
  const Memory memory = memory_of(pem);
  const PrivateKey key(memory ? ::PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr)
                              : nullptr);
  return key && ::SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

// Certificates and revocation lists; at least one certificate.
bool use_authorities(ssl_ctx_st* context, std::string_view pem) {
  const Memory memory = memory_of(pem);
  STACK_OF(X509_INFO)* const entries =
      memory ? ::PEM_X509_INFO_read_bio(memory.get(), nullptr, no_password, nullptr) : nullptr;
  X509_STORE* const store = ::SSL_CTX_get_cert_store(context);
  bool usable = true;
  int certificates = 0;
  for (int i = 0; entries != nullptr && i < sk_X509_INFO_num(entries); ++i) {
    const X509_INFO* const entry = sk_X509_INFO_value(entries, i);
    if (entry->x509 != nullptr) usable = ::X509_STORE_add_cert(store, entry->x509) == 1 && usable;
    if (entry->crl != nullptr) usable = ::X509_STORE_add_crl(store, entry->crl) == 1 && usable;
    certificates += entry->x509 != nullptr ? 1 : 0;
  }
  sk_X509_INFO_pop_free(entries, ::X509_INFO_free);
  return usable && certificates > 0;
}

WallTime expiry_of(ssl_ctx_st* context) {
  const X509* const certificate = ::SSL_CTX_get0_certificate(context);
  std::tm time{};
  if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &time) != 1) return {};
  return WallTime::from_seconds(::timegm(&time));
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
  const Result<std::string> chain = read_regular_file(certificate_path, kMaxCertificateFile);
  if (!chain)
    return fail("tls.certificate", "no certificate in " + certificate_path + ": " + chain.error().message);
  if (!use_chain(native, *chain))
    return fail("tls.certificate", "no certificate in " + certificate_path + ": " + reason());
  Result<std::string> pem = read_regular_file(key_path, kMaxCertificateFile);
  if (!pem) return fail("tls.key", "no usable private key in " + key_path + ": " + pem.error().message);
  const bool key_used = use_key(native, *pem);
  std::string& text = *pem;
  ::OPENSSL_cleanse(text.data(), text.size());
  if (!key_used) {
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
  if (authorities_path.empty()) {
    if (::SSL_CTX_set_default_verify_paths(native) != 1)
      return fail("tls.authorities", "no authorities of the system: " + reason());
    return TlsContextPtr(std::move(context));
  }
  const Result<std::string> pem = read_regular_file(authorities_path, kMaxAuthoritiesFile);
  if (!pem)
    return fail("tls.authorities", "no authorities in " + authorities_path + ": " + pem.error().message);
  if (!use_authorities(native, *pem))
    return fail("tls.authorities", "no authorities in " + authorities_path + ": " + reason());
  return TlsContextPtr(std::move(context));
}

}  // namespace millrace::net
