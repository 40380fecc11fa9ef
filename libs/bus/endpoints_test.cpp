#include "bus/endpoints.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Endpoints, AreAllSocketsBelowTheHomeByDefault) {
  const Result<EndpointTable> table = endpoints(environment({{"MILLRACE_HOME", "/srv/m/"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->directory, "/srv/m/run/bus");
  EXPECT_EQ(table->instance, "0");
  EXPECT_EQ(table->peers.size(), services().size());
  EXPECT_EQ(table->peers.at("auth"), std::vector<Address>{*parse_address("ipc://")});
  const Endpoints own = endpoints_of(bind_addresses(*table, "auth")->at(0));
  EXPECT_EQ(own.events, "ipc:///srv/m/run/bus/auth.events");
  EXPECT_EQ(own.commands, "ipc:///srv/m/run/bus/auth.commands");
  EXPECT_EQ(own.pointers, "ipc:///srv/m/run/bus/auth.pointers");
}

TEST(Endpoints, CarryTheInstancesName) {
  const Result<EndpointTable> table = endpoints(environment({{"BUS_DIR", "/b"}, {"BUS_INSTANCE", "east-1"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(to_string(bind_addresses(*table, "auth")->at(0)), "ipc:///b/auth.east-1");
  EXPECT_EQ(endpoints(environment({{"BUS_INSTANCE", "East"}})).error().code, "bus.instance");
}

TEST(Endpoints, RefuseAPathThatIsTooLongAndNameTheVariable) {
  std::size_t longest = 0;
  for (const std::string_view service : services()) longest = std::max(longest, service.size());
  const std::string fits(kMaxSocketPath - std::string_view("/.commands").size() - longest - 1, 'a');
  EXPECT_TRUE(endpoints(environment({{"BUS_DIR", "/" + fits}})));
  const Result<EndpointTable> table = endpoints(environment({{"BUS_DIR", "/" + fits + "b"}}));
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, "bus.address");
  EXPECT_NE(table.error().message.find("BUS_DIR"), std::string::npos);
}

TEST(Endpoints, AreListsOfBothKinds) {
  const Result<EndpointTable> table =
      endpoints(environment({{"BUS_DIR", "/b"},
                             {"BUS_AUTH", "tcp://localhost:7000, ipc://,tcp://[::1]:7100"},
                             {"BUS_BIND", "tcp://127.0.0.1:7200,tcp://[::1]:7200"}}));
  ASSERT_TRUE(table);
  std::vector<std::string> peers;
  for (const Address& address : table->peers.at("auth")) peers.push_back(to_string(address));
  EXPECT_EQ(peers, (std::vector<std::string>{"tcp://localhost:7000", "ipc://", "tcp://[::1]:7100"}));
  std::vector<std::string> own;
  const Result<std::vector<Address>> bound = bind_addresses(*table, "ingest");
  for (const Address& address : *bound) own.push_back(to_string(address));
  EXPECT_EQ(own, (std::vector<std::string>{"ipc:///b/ingest", "tcp://127.0.0.1:7200", "tcp://[::1]:7200"}));
}

TEST(Endpoints, RefuseAddressesThatAreNone) {
  for (const char* address : {"auth:7000", "tcp://auth", "tcp://:7000", "tcp://auth:", "tcp://auth:0",
                              "tcp://auth:65534", "tcp://auth:70x", "tcp://auth:-1", "ipc://x"}) {
    const Result<EndpointTable> table = endpoints(environment({{"BUS_AUTH", address}}));
    ASSERT_FALSE(table) << address;
    EXPECT_NE(table.error().message.find("BUS_AUTH"), std::string::npos) << address;
  }
  EXPECT_EQ(endpoints(environment({{"BUS_BIND", "ipc:///b/x"}})).error().code, "bus.address");
}

TEST(Endpoints, RefusePlainTcpOutsideThisMachine) {
  for (const char* variable : {"BUS_BIND", "BUS_AUTH"}) {
    const Result<EndpointTable> table = endpoints(environment({{variable, "tcp://10.0.0.1:7000"}}));
    ASSERT_FALSE(table) << variable;
    EXPECT_EQ(table.error().code, "bus.plain");
    EXPECT_NE(table.error().message.find(variable), std::string::npos);
    EXPECT_NE(table.error().message.find("not encrypted"), std::string::npos);
  }
}

TEST(Endpoints, MayBeAnywhereWithKeys) {
  const Result<EndpointTable> table = endpoints(
      environment({{"BUS_KEYS", "/k"}, {"BUS_BIND", "tcp://*:7000"}, {"BUS_AUTH", "tcp://auth:7000"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(table->keys, "/k");
}

TEST(Endpoints, KnowNoOtherServices) {
  const Result<EndpointTable> table = endpoints(environment({{"BUS_DIR", "/b"}}));
  ASSERT_TRUE(table);
  EXPECT_EQ(bind_addresses(*table, "nobody").error().code, "bus.unknown_service");
}

}  // namespace
}  // namespace millrace::bus
