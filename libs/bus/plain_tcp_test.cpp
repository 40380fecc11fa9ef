// Plain tcp: every user of the machine may connect, and say of itself what it likes.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "bus/node.hpp"
#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using testing::BusDirectory;
using testing::free_ports;
using testing::kPatience;

using Properties = std::vector<std::pair<std::string, std::string>>;

// A ZMTP 3.0 peer with the NULL mechanism (RFC 23), without libzmq: it sends the properties it is given.
class RawPeer {
 public:
  RawPeer(std::uint16_t port, const Properties& properties) {
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    std::string greeting = '\xff' + std::string(8, '\0') + '\x7f' + '\x03' + '\0' + "NULL";
    greeting.resize(kGreeting, '\0');
    write(greeting);
    read(kGreeting);
    std::string ready = "\x05READY";
    for (const auto& [name, value] : properties) {
      ready += static_cast<char>(name.size());
      ready.append(name).append(3, '\0').append(1, static_cast<char>(value.size())).append(value);
    }
    write(std::string("\x04") + static_cast<char>(ready.size()) + ready);
    EXPECT_EQ(frame().first, 4) << "a command: READY";
  }
  ~RawPeer() { ::close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // The error code of the answer, or "done".
  std::string ask(v1::Request request) {
    request.set_id(1);
    request.set_timeout_us(std::chrono::microseconds(kPatience).count());
    const std::string body = request.SerializeAsString();
    EXPECT_LT(body.size(), 128U);
    write(std::string(1, '\0') + static_cast<char>(body.size()) + body);
    v1::Reply reply;
    EXPECT_TRUE(reply.ParseFromString(frame().second));
    return reply.error_code().empty() ? "done" : reply.error_code();
  }

 private:
  static constexpr std::size_t kGreeting = 64;

  void write(const std::string& bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  std::string read(std::size_t size) {
    std::string bytes(size, '\0');
    EXPECT_EQ(::recv(fd_, bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }
  // Flags and body; short frames only.
  std::pair<int, std::string> frame() {
    const std::string head = read(2);
    return {head[0], read(static_cast<unsigned char>(head[1]))};
  }

  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

class PlainTcpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EndpointsConfig config;
    config.directory = near_.path();
    config.bind = at_;
    Result<std::unique_ptr<Node>> auth = Node::start({"auth", endpoints(config).value(), {}});
    ASSERT_TRUE(auth);
    auth_ = *std::move(auth);
    auth_->serve([](const v1::Request&, const Responder& responder) { responder({}); });
  }
  // A process of ours with its own directory.
  std::string ask_as(const std::string& service, v1::Request request) {
    const BusDirectory far;
    EndpointsConfig config;
    config.directory = far.path();
    config.addresses["auth"] = at_;
    const auto node = Node::start({service, endpoints(config).value(), {}});
    if (!node) return std::string(node.error().code);
    std::promise<std::string> answer;
    (*node)->request("auth", std::move(request), kPatience, [&](const Result<v1::Reply>& reply) {
      answer.set_value(reply ? "done" : std::string(reply.error().code));
    });
    return answer.get_future().get();
  }
  RawPeer stranger(Properties properties) const {
    properties.emplace_back("Socket-Type", "DEALER");
    return {static_cast<std::uint16_t>(port_ + 1), properties};
  }
  static v1::Request make_admin() {
    v1::Request request;
    request.mutable_make_admin()->set_email("a@example.com");
    return request;
  }
  static v1::Request raise_account() {
    v1::Request request;
    request.mutable_change_account()->set_id("acct_1");
    request.mutable_change_account()->set_is_admin(true);
    return request;
  }

  const BusDirectory near_;
  const std::uint16_t port_ = free_ports();
  const std::string at_ = "tcp://127.0.0.1:" + std::to_string(port_);
  std::unique_ptr<Node> auth_;
};

TEST_F(PlainTcpTest, GivesNobodyTheOperatorsRights) {
  EXPECT_EQ(ask_as("", make_admin()), "bus.forbidden");
  v1::Request request = make_admin();
  request.set_sender_service("operator");
  EXPECT_EQ(stranger({}).ask(request), "bus.forbidden");
}

TEST_F(PlainTcpTest, BelievesNoPropertyOfAPeer) {
  for (const Properties& properties :
       {Properties{{"User-Id", "operator"}}, Properties{{"Peer-Address", "localhost:0:0:1"}},
        Properties{{"User-Id", "api"}, {"Peer-Address", "localhost:0:0:1"}, {"__fd", "0"}}}) {
    EXPECT_EQ(stranger(properties).ask(make_admin()), "bus.forbidden");
    EXPECT_EQ(stranger(properties).ask(raise_account()), "bus.forbidden");
  }
  EXPECT_EQ(auth_->statistics().forbidden, 6U);
}

TEST_F(PlainTcpTest, GivesNobodyTheRightsOfTheApi) {
  EXPECT_EQ(ask_as("api", raise_account()), "bus.forbidden");
  v1::Request request = raise_account();
  request.set_sender_service("api");
  EXPECT_EQ(stranger({{"User-Id", "api"}}).ask(request), "bus.forbidden");
}

TEST_F(PlainTcpTest, CarriesWhatTheOtherServicesAsk) {
  v1::Request play;
  play.mutable_authorize_play();
  EXPECT_EQ(ask_as("ingest", play), "done");
  EXPECT_EQ(ask_as("packaging", play), "bus.forbidden");
}

}  // namespace
}  // namespace millrace::bus
