#include "bus/endpoints.hpp"

#include <gtest/gtest.h>

#include <map>

namespace millrace::bus {
namespace {

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(Endpoints, AreSocketsBelowTheHomeByDefault) {
  const Result<EndpointTable> table = endpoints(environment({{"MILLRACE_HOME", "/srv/m/"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->directory, "/srv/m/run/bus");
  EXPECT_EQ(table->peers.at("auth").events, "ipc:///srv/m/run/bus/auth.events");
  EXPECT_EQ(table->peers.at("auth").commands, "ipc:///srv/m/run/bus/auth.commands");
  EXPECT_EQ(table->peers.at("auth").pointers, "ipc:///srv/m/run/bus/auth.pointers");
  EXPECT_EQ(table->peers.size(), kServices.size());
}

TEST(Endpoints, RefuseAPathThatIsTooLongAndNameTheVariable) {
  const std::string fits(kMaxSocketPath - std::string_view("/packaging.commands").size() - 1, 'a');
  EXPECT_TRUE(endpoints(environment({{"BUS_DIR", "/" + fits}})));
  const Result<EndpointTable> table = endpoints(environment({{"BUS_DIR", "/" + fits + "b"}}));
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, "bus.address");
  EXPECT_NE(table.error().message.find("BUS_DIR"), std::string::npos);
}

TEST(Endpoints, TakeThreePortsOfATcpAddress) {
  const Result<EndpointTable> table = endpoints(environment(
      {{"BUS_DIR", "/b"}, {"BUS_AUTH", "tcp://auth.local:7000"}, {"BUS_BIND", "tcp://0.0.0.0:7100"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->peers.at("auth").events, "tcp://auth.local:7000");
  EXPECT_EQ(table->peers.at("auth").commands, "tcp://auth.local:7001");
  EXPECT_EQ(table->peers.at("auth").pointers, "tcp://auth.local:7002");
  EXPECT_EQ(table->peers.at("api").events, "ipc:///b/api.events");
  EXPECT_EQ(bind_endpoints(*table, "ingest")->commands, "tcp://0.0.0.0:7101");
}

TEST(Endpoints, RefuseAddressesThatAreNone) {
  for (const char* address : {"auth:7000", "tcp://auth", "tcp://:7000", "tcp://auth:", "tcp://auth:0",
                              "tcp://auth:65534", "tcp://auth:70x", "tcp://auth:-1", "ipc:///x"}) {
    const Result<EndpointTable> table = endpoints(environment({{"BUS_AUTH", address}}));
    ASSERT_FALSE(table) << address;
    EXPECT_NE(table.error().message.find("BUS_AUTH"), std::string::npos) << address;
  }
}

TEST(Endpoints, KnowNoOtherServices) {
  const Result<EndpointTable> table = endpoints(environment({{"BUS_DIR", "/b"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(bind_endpoints(*table, "nobody").error().code, "bus.unknown_service");
  EXPECT_EQ(bind_endpoints(*table, "api")->events, "ipc:///b/api.events");
}

}  // namespace
}  // namespace millrace::bus
