#include "net/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <new>
#include <vector>

namespace millrace::net {
namespace {

using namespace std::chrono_literals;

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

ListenerConfig loopback(std::uint16_t port = 0) {
  return {"127.0.0.1", port, "RTMP_PORT", 128};
}

TEST(Listener, AcceptsOnAFreePort) {
  boost::asio::io_context context;
  std::vector<Accepted> accepted;
  auto listener =
      Listener::open(context, loopback(), [&](Accepted peer) { accepted.push_back(std::move(peer)); });
  ASSERT_TRUE(listener) << listener.error().message;
  ASSERT_NE((*listener)->port(), 0);
  const UniqueFd client = connect_to((*listener)->port());
  while (accepted.empty() && context.run_one_for(5s) > 0) {
  }
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(accepted[0].peer_address, "127.0.0.1");
  EXPECT_NE(accepted[0].peer_port, 0);
  EXPECT_NE(::fcntl(accepted[0].socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ((*listener)->statistics().accepted, 1U);
}

TEST(Listener, NamesTheVariableOfABusyPort) {
  boost::asio::io_context context;
  const auto first = Listener::open(context, loopback(), [](Accepted) {});
  ASSERT_TRUE(first);
  const std::uint16_t port = (*first)->port();
  const auto second = Listener::open(context, loopback(port), [](Accepted) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "net.port_in_use");
  EXPECT_EQ(second.error().message, "port " + std::to_string(port) + " (RTMP_PORT) is in use");
}

TEST(Listener, RefusesWhatIsNoAddress) {
  boost::asio::io_context context;
  const auto listener = Listener::open(context, {"example.org", 0, "", 16}, [](Accepted) {});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, "net.address");
}

TEST(Listener, BindsAgainRightAfterItsConnectionsWereClosed) {
  boost::asio::io_context context;
  std::uint16_t port = 0;
  {
    std::vector<Accepted> accepted;
    auto listener =
        Listener::open(context, loopback(), [&](Accepted peer) { accepted.push_back(std::move(peer)); });
    ASSERT_TRUE(listener);
    port = (*listener)->port();
    const UniqueFd client = connect_to(port);
    while (accepted.empty() && context.run_one_for(5s) > 0) {
    }
  }
  EXPECT_TRUE(Listener::open(context, loopback(port), [](Accepted) {}));
}

// Case 20 of the faults: no descriptor left. Peers are closed at once, and accepting goes on afterwards.
TEST(Listener, RefusesPeersWhileDescriptorsAreOutAndGoesOnAfterwards) {
  boost::asio::io_context context;
  std::vector<Accepted> accepted;
  auto listener =
      Listener::open(context, loopback(), [&](Accepted peer) { accepted.push_back(std::move(peer)); });
  ASSERT_TRUE(listener);
  const UniqueFd refused = connect_to((*listener)->port());

  std::vector<UniqueFd> hoard;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) {
    hoard.emplace_back(fd);
    if (hoard.size() == 64) break;
  }
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit tight{static_cast<rlim_t>(hoard.back().get() + 1), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  while ((*listener)->statistics().refused == 0 && context.run_one_for(5s) > 0) {
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ((*listener)->statistics().refused, 1U);
  std::uint8_t byte = 0;
  EXPECT_LE(::recv(refused.get(), &byte, 1, 0), 0);

  const UniqueFd client = connect_to((*listener)->port());
  while (accepted.empty() && context.run_one_for(5s) > 0) {
  }
  EXPECT_EQ(accepted.size(), 1U);
}

TEST(Listener, GoesOnWhenOneWhoComesMakesTheHandlerThrow) {
  boost::asio::io_context context;
  int came = 0;
  auto listener = Listener::open(context, loopback(), [&](Accepted) {
    if (++came == 1) throw std::bad_alloc();
  });
  ASSERT_TRUE(listener);
  const UniqueFd first = connect_to((*listener)->port());
  const UniqueFd second = connect_to((*listener)->port());
  while (came < 2 && context.run_one_for(5s) > 0) {
  }
  EXPECT_EQ(came, 2);
  char byte = 0;
  EXPECT_EQ(::recv(first.get(), &byte, 1, 0), 0) << "closed, and its descriptor is not lost";
}

}  // namespace
}  // namespace millrace::net
