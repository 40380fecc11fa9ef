#include "service/shell.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bus/testing.hpp"
#include "http/test_client.hpp"

namespace millrace::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ShellTest : public ::testing::Test {
 protected:
  ShellTest() {
    std::filesystem::create_directories(home_.path() + "/run");
    ops_.port_variable = "AUTH_OPS_PORT";
  }
  Result<void> join(Shell& shell) { return shell.join_bus(context_, {}); }
  Result<void> open(Shell& shell) { return shell.open_ops(context_, ops_, {}, {{"RTMP_PORT", 1935}}); }
  std::string ports() const {
    std::ifstream file(home_.path() + "/run/auth.ports");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::uint16_t ops_port() const {
    constexpr std::string_view kName = "AUTH_OPS_PORT=";
    return static_cast<std::uint16_t>(std::stoi(ports().substr(ports().find(kName) + kName.size())));
  }
  std::string ask(const std::string& path) const {
    http::testing::TestClient client(ops_port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }

  bus::testing::BusDirectory home_;  // short, as a socket's path has to be
  http::OpsConfig ops_;
  caf::actor_system_config actors_config_;
  caf::actor_system actors_{actors_config_};
  caf::actor root_;
  runtime::ServiceContext context_{"auth",  home_.path(), {}, std::make_shared<runtime::Health>(),
                                   actors_, root_,        {}};
};

TEST_F(ShellTest, IsOnTheBusUnderTheServicesNameUntilItLeaves) {
  Shell shell;
  ASSERT_TRUE(join(shell));
  EXPECT_TRUE(std::filesystem::exists(home_.path() + "/run/bus/auth.events"));
  Shell second;
  EXPECT_EQ(join(second).error().code, "bus.in_use");
  shell.leave_bus();
  shell.node().request("auth", {}, 1s, [](const Result<bus::v1::Reply>& reply) {
    EXPECT_EQ(reply.error().code, "bus.stopped");
  });
}

TEST_F(ShellTest, RefusesWhatTheBusRefuses) {
  Shell shell;
  bus::EndpointsConfig config;
  config.instance = "No Name";
  EXPECT_EQ(shell.join_bus(context_, config).error().code, "bus.instance");
}

TEST_F(ShellTest, ServesTheOperatorAndSaysWhere) {
  Shell shell;
  ASSERT_TRUE(join(shell));
  ASSERT_TRUE(open(shell));
  EXPECT_THAT(ports(), AllOf(HasSubstr("RTMP_PORT=1935\n"), HasSubstr("AUTH_OPS_PORT=")));
  EXPECT_THAT(ask("/healthz"), AllOf(HasSubstr("200 OK"), HasSubstr("\"auth\"")));
  context_.health->set("database", runtime::HealthState::kStarting, "away");
  EXPECT_THAT(ask("/readyz"), AllOf(HasSubstr("503"), HasSubstr("away")));
  EXPECT_THAT(ask("/metrics"), HasSubstr("millrace_bus_"));
}

TEST_F(ShellTest, IsGoneAfterItsEndAndCanEndTwice) {
  {
    Shell shell;
    shell.close();
    ASSERT_TRUE(join(shell));
    ASSERT_TRUE(open(shell));
    EXPECT_FALSE(http::testing::TestClient(ops_port()).closed());
    shell.close(1s);
    EXPECT_TRUE(http::testing::TestClient(ops_port()).closed());
    shell.close();
  }
  Shell next;
  EXPECT_TRUE(join(next)) << "the place on the bus is free";
}

TEST(TimeLeft, IsWhatIsBeforeTheReserveAndNeverNegative) {
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(time_left(now - 1s), 0ms);
  EXPECT_EQ(time_left(now + 1s, 2s), 0ms);
  EXPECT_GT(time_left(now + 60s), 50s);
  EXPECT_LE(time_left(now + 60s, 20s), 40s);
}

}  // namespace
}  // namespace millrace::service
