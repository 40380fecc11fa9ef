#include "net/tls_testing.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace millrace::net::testing {

namespace {

template <class T, auto kFree>
struct Free {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, ::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, ::X509_free>>;
using File = std::unique_ptr<std::FILE, Free<std::FILE, std::fclose>>;

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  require(extension != nullptr, "extension");
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

}  // namespace

CertificateFiles make_certificate(const std::string& directory, const std::string& name,
                                  std::chrono::seconds lifetime) {
  const Key key(::EVP_EC_gen("P-256"));
  const Certificate certificate(::X509_new());
  require(key && certificate, "key");
  ::X509_set_version(certificate.get(), X509_VERSION_3);
  std::int64_t serial = 0;
  ::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ::ASN1_INTEGER_set_int64(::X509_get_serialNumber(certificate.get()), serial & INT64_MAX);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -7200);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), lifetime.count());
  ::X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  ::X509_set_issuer_name(certificate.get(), subject);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  require(::X509_sign(certificate.get(), key.get(), ::EVP_sha256()) > 0, "sign");
  CertificateFiles files{directory + "/" + name + ".crt", directory + "/" + name + ".key"};
  const File certificate_file(std::fopen(files.certificate.c_str(), "w"));
  const File key_file(std::fopen(files.key.c_str(), "w"));
  require(certificate_file && key_file, "files");
  require(::PEM_write_X509(certificate_file.get(), certificate.get()) == 1 &&
              ::PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "write");
  return files;
}

}  // namespace millrace::net::testing
