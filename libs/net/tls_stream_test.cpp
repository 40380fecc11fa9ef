#include "net/tls_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include "net/tls_testing.hpp"
#include "net/unique_fd.hpp"

namespace millrace::net {
namespace {

using Handshake = TlsStream::Handshake;

class TlsStreamTest : public ::testing::Test {
 protected:
  TlsStreamTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as in every service
    std::string path = "/tmp/millrace-tls-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    files_ = testing::make_certificate(directory_, "first");
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    server_fd_ = UniqueFd(fds[0]);
    client_fd_ = UniqueFd(fds[1]);
  }
  ~TlsStreamTest() override {
    server_.reset();
    client_.reset();
    std::filesystem::remove_all(directory_);
  }

  void make(bool verify = false, const std::string& authorities = {}, const std::string& host = "localhost") {
    server_ =
        std::move(*TlsStream::accept(*TlsContext::server(files_.certificate, files_.key), server_fd_.get()));
    client_ =
        std::move(*TlsStream::connect(*TlsContext::client(verify, authorities), client_fd_.get(), host));
  }
  // True when both sides are through.
  bool shake_hands() {
    Handshake ours = Handshake::kWantRead;
    Handshake theirs = Handshake::kWantRead;
    for (int i = 0; i < 10; ++i) {
      if (theirs != Handshake::kDone) theirs = client_->handshake();
      if (ours != Handshake::kDone) ours = server_->handshake();
      if (ours == Handshake::kFailed || theirs == Handshake::kFailed) return false;
      if (ours == Handshake::kDone && theirs == Handshake::kDone) return true;
    }
    return false;
  }
  static ssize_t write(TlsStream& stream, std::span<const std::uint8_t> bytes) {
    const iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    return stream.write({&part, 1});
  }
  static std::vector<std::uint8_t> read_all(TlsStream& stream) {
    std::vector<std::uint8_t> all;
    std::array<std::uint8_t, 4096> buffer{};
    for (ssize_t count = 0; (count = stream.read(buffer)) > 0;)
      all.insert(all.end(), buffer.begin(), buffer.begin() + count);
    return all;
  }
  static std::vector<std::uint8_t> pattern(std::size_t size, std::uint32_t seed = 1) {
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& byte : bytes)
      byte = static_cast<std::uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
    return bytes;
  }

  std::string directory_;
  testing::CertificateFiles files_;
  UniqueFd server_fd_;
  UniqueFd client_fd_;
  std::unique_ptr<TlsStream> server_;
  std::unique_ptr<TlsStream> client_;
};

TEST_F(TlsStreamTest, CarriesBytesBothWays) {
  make();
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(server_->version(), "TLSv1.3");
  const auto sent = pattern(40'000);
  EXPECT_EQ(write(*client_, sent), 40'000);
  EXPECT_EQ(read_all(*server_), sent);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(write(*server_, sent), 40'000);
  EXPECT_EQ(read_all(*client_), sent);
}

TEST_F(TlsStreamTest, GathersPartsLargeAndSmall) {
  make();
  ASSERT_TRUE(shake_hands());
  const auto sent = pattern(70'000);
  std::vector<iovec> parts;
  const std::array<std::size_t, 9> sizes = {1, 0, 12, 20'000, 3, 16'384, 16'383, 1, 17'216};
  ASSERT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), sent.size());
  std::size_t at = 0;
  for (const std::size_t size : sizes) {
    parts.push_back({const_cast<std::uint8_t*>(sent.data()) + at, size});
    at += size;
  }
  EXPECT_EQ(server_->write(parts), 70'000);
  EXPECT_EQ(read_all(*client_), sent);
}

// What the kernel did not take counts as written: the caller goes on with other bytes and the peer gets all
// in order.
TEST_F(TlsStreamTest, KeepsTheOrderWhenTheSocketIsFull) {
  make();
  ASSERT_TRUE(shake_hands());
  std::vector<std::uint8_t> sent;
  std::vector<std::uint8_t> received;
  std::uint32_t seed = 7;
  int full = 0;
  for (int round = 0; round < 400; ++round) {
    const auto bytes = pattern(30'000, seed++);
    const ssize_t count = write(*server_, bytes);
    if (count > 0) sent.insert(sent.end(), bytes.begin(), bytes.begin() + count);
    if (count < 0) {
      ASSERT_EQ(errno, EAGAIN);
      EXPECT_TRUE(server_->unsent());
      ++full;
      const auto part = read_all(*client_);
      received.insert(received.end(), part.begin(), part.end());
    }
  }
  while (!server_->flush()) {
    const auto part = read_all(*client_);
    received.insert(received.end(), part.begin(), part.end());
  }
  const auto rest = read_all(*client_);
  received.insert(received.end(), rest.begin(), rest.end());
  EXPECT_GT(full, 10);
  EXPECT_FALSE(server_->unsent());
  EXPECT_EQ(received, sent);
}

TEST_F(TlsStreamTest, TellsWhenABufferWasTooSmall) {
  make();
  ASSERT_TRUE(shake_hands());
  const auto sent = pattern(3000);
  ASSERT_EQ(write(*client_, sent), 3000);
  std::array<std::uint8_t, 1000> buffer{};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(server_->read(buffer), 1000);
    EXPECT_TRUE(server_->readable());
  }
  EXPECT_EQ(server_->read(buffer), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(server_->readable());
}

TEST_F(TlsStreamTest, EndsWithTheBytesBeforeTheEnd) {
  make();
  ASSERT_TRUE(shake_hands());
  ASSERT_EQ(write(*client_, pattern(100)), 100);
  client_->shutdown();
  std::array<std::uint8_t, 4096> buffer{};
  EXPECT_EQ(server_->read(buffer), 100);
  EXPECT_TRUE(server_->readable()) << "the socket will not tell of the end again";
  EXPECT_EQ(server_->read(buffer), 0);
  EXPECT_EQ(server_->read(buffer), 0);
}

TEST_F(TlsStreamTest, TakesAClosedSocketForAnEnd) {
  make();
  ASSERT_TRUE(shake_hands());
  EXPECT_TRUE(read_all(*client_).empty());  // the tickets: unread bytes would make it a reset
  client_.reset();
  client_fd_.reset();
  std::array<std::uint8_t, 4096> buffer{};
  EXPECT_EQ(server_->read(buffer), 0);
}

TEST_F(TlsStreamTest, RefusesWhatIsNoTls) {
  make();
  const std::vector<std::uint8_t> garbage = {0x03, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7};
  ASSERT_EQ(::send(client_fd_.get(), garbage.data(), garbage.size(), 0), 16);
  EXPECT_EQ(server_->handshake(), Handshake::kFailed);
  EXPECT_FALSE(server_->error().empty());
  std::array<std::uint8_t, 64> buffer{};
  EXPECT_EQ(server_->read(buffer), -1);
  EXPECT_EQ(errno, EPROTO);
  EXPECT_EQ(write(*server_, garbage), -1);
}

TEST_F(TlsStreamTest, SaysWhenThePeerLeavesInMidHandshake) {
  make();
  EXPECT_EQ(client_->handshake(), Handshake::kWantRead);
  ::shutdown(client_fd_.get(), SHUT_WR);
  Handshake result = Handshake::kWantRead;
  for (int i = 0; i < 3 && result == Handshake::kWantRead; ++i) result = server_->handshake();
  EXPECT_EQ(result, Handshake::kFailed);
  EXPECT_EQ(server_->error(), "closed by the peer");
}

TEST_F(TlsStreamTest, RefusesADamagedRecord) {
  make();
  ASSERT_TRUE(shake_hands());
  std::vector<std::uint8_t> record = {23, 3, 3, 0, 32};
  record.resize(5 + 32, 0x55);
  ASSERT_EQ(::send(client_fd_.get(), record.data(), record.size(), 0), 37);
  std::array<std::uint8_t, 64> buffer{};
  EXPECT_EQ(server_->read(buffer), -1);
  EXPECT_EQ(errno, EPROTO);
}

TEST_F(TlsStreamTest, VerifiesTheServerWhenAskedTo) {
  make(true, files_.certificate, "localhost");
  EXPECT_TRUE(shake_hands());
}

TEST_F(TlsStreamTest, VerifiesAddresses) {
  make(true, files_.certificate, "127.0.0.1");
  EXPECT_TRUE(shake_hands());
}

TEST_F(TlsStreamTest, RefusesAnotherHostsCertificate) {
  make(true, files_.certificate, "elsewhere.example");
  EXPECT_FALSE(shake_hands());
  EXPECT_THAT(client_->error(), ::testing::HasSubstr("ostname mismatch"));
}

TEST_F(TlsStreamTest, RefusesAnUnknownAuthority) {
  const auto other = testing::make_certificate(directory_, "other");
  make(true, other.certificate, "localhost");
  EXPECT_FALSE(shake_hands());
}

TEST_F(TlsStreamTest, RefusesAnExpiredCertificate) {
  files_ = testing::make_certificate(directory_, "old", std::chrono::seconds(-60));
  make(true, files_.certificate, "localhost");
  EXPECT_FALSE(shake_hands());
  EXPECT_THAT(client_->error(), ::testing::HasSubstr("expired"));
}

TEST(TlsContextTest, TakesAllOfAChainOrNoneOfIt) {
  std::string path = "/tmp/millrace-tls-XXXXXX";
  const std::string directory = ::mkdtemp(path.data());
  const auto own = testing::make_certificate(directory, "own");
  const auto issuer = testing::make_certificate(directory, "issuer");
  std::ofstream(own.certificate, std::ios::app) << "Text between\n"
                                                << std::ifstream(issuer.certificate).rdbuf();
  const Result<TlsContextPtr> context = TlsContext::server(own.certificate, own.key);
  ASSERT_TRUE(context);
  STACK_OF(X509)* chain = nullptr;
  ASSERT_EQ(SSL_CTX_get0_chain_certs((*context)->native(), &chain), 1);
  EXPECT_EQ(sk_X509_num(chain), 1);
  EXPECT_TRUE(TlsContext::client(true, own.certificate)) << "two authorities";
  std::ofstream(own.certificate, std::ios::app) << "-----BEGIN CERTIFICATE-----\nMIIB\n";
  EXPECT_EQ(TlsContext::server(own.certificate, own.key).error().code, "tls.certificate");
  EXPECT_EQ(TlsContext::client(true, own.certificate).error().code, "tls.authorities");
  std::filesystem::remove_all(directory);
}

TEST(TlsContextTest, NamesWhatIsWrongWithThePair) {
  std::string path = "/tmp/millrace-tls-XXXXXX";
  const std::string directory = ::mkdtemp(path.data());
  const auto one = testing::make_certificate(directory, "one");
  const auto two = testing::make_certificate(directory, "two");
  EXPECT_TRUE(TlsContext::server(one.certificate, one.key));
  EXPECT_GT((*TlsContext::server(one.certificate, one.key))->expires_at(),
            WallTime::from_seconds(1'600'000'000));
  EXPECT_EQ(TlsContext::server(directory + "/none", one.key).error().code, "tls.certificate");
  for (const Error& error : {TlsContext::server(directory + "/none", one.key).error(),
                             TlsContext::server(one.certificate, directory + "/none").error(),
                             TlsContext::client(true, directory + "/none").error()})
    EXPECT_THAT(error.message, ::testing::EndsWith("/none: No such file or directory"));
  EXPECT_EQ(TlsContext::server(one.certificate, directory + "/none").error().code, "tls.key");
  EXPECT_EQ(TlsContext::server(one.certificate, one.certificate).error().code, "tls.key");
  EXPECT_EQ(TlsContext::server(one.certificate, two.key).error().code, "tls.mismatch");
  EXPECT_EQ(TlsContext::client(true, directory + "/none").error().code, "tls.authorities");
  EXPECT_EQ(TlsContext::client(true, one.key).error().code, "tls.authorities") << "holds no certificate";
  const std::string fifo = directory + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(TlsContext::client(true, fifo).error().message,
            "no authorities in " + fifo + ": not a regular file");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace::net
