#include "bus/address.hpp"

#include <gtest/gtest.h>

#include "bus/resolver.hpp"

namespace millrace::bus {
namespace {

TEST(Address, IsReadAndWrittenInEachOfItsForms) {
  for (const char* text : {"ipc://", "ipc:///run/bus/ingest.1", "tcp://auth.local:7000", "tcp://127.0.0.1:1",
                           "tcp://[2001:db8::1]:65533"}) {
    const std::optional<Address> address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
}

TEST(Address, HasThreeSockets) {
  EXPECT_EQ(endpoints_of(*parse_address("tcp://[::1]:7000")).pointers, "tcp://[::1]:7002");
  EXPECT_EQ(endpoints_of(*parse_address("ipc:///b/ingest.1")).commands, "ipc:///b/ingest.1.commands");
}

TEST(Address, IsNothingElse) {
  for (const char* text : {"", "auth:7000", "ipc://relative", "tcp://::1:7000", "tcp://[::1]",
                           "tcp://[x]:7000", "tcp://a b:7000", "tcp://a:65534", "udp://a:1"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Address, KnowsThisMachine) {
  for (const char* text : {"ipc://", "tcp://127.0.0.1:1", "tcp://127.9.9.9:1", "tcp://[::1]:1",
                           "tcp://localhost:1", "tcp://a.localhost:1"}) {
    EXPECT_TRUE(is_loopback(*parse_address(text))) << text;
  }
  for (const char* text :
       {"tcp://0.0.0.0:1", "tcp://*:1", "tcp://[::]:1", "tcp://127.example:1", "tcp://10.0.0.1:1"})
    EXPECT_FALSE(is_loopback(*parse_address(text))) << text;
}

TEST(Instance, HasANameForFilesAndHosts) {
  for (const char* name : {"0", "a", "ingest-0", "node-7b"}) EXPECT_TRUE(is_instance_name(name)) << name;
  for (const char* name : {"", "-a", "A", "a.b", "a/b", "a b"}) EXPECT_FALSE(is_instance_name(name)) << name;
  EXPECT_FALSE(is_instance_name(std::string(kMaxInstanceName + 1, 'a')));
}

TEST(Expand, GivesEachNumberOfANameOnceAndTheListsOrder) {
  const auto resolve = [](const std::string& host) {
    return host == "two" ? std::vector<std::string>{"10.0.0.1", "::1"} : std::vector<std::string>{};
  };
  const std::vector<Address> list{*parse_address("tcp://[::1]:70"), *parse_address("tcp://two:70"),
                                  *parse_address("tcp://none:70"), *parse_address("ipc:///b/x")};
  std::vector<std::string> found;
  for (const Address& address : expand(list, "/nowhere", "ingest", resolve))
    found.push_back(to_string(address));
  EXPECT_EQ(found, (std::vector<std::string>{"tcp://[::1]:70", "tcp://10.0.0.1:70", "ipc:///b/x"}));
}

TEST(Expand, LeavesOutWhatANameOfThisMachineStandsForElsewhere) {
  const auto resolve = [](const std::string&) { return std::vector<std::string>{"10.0.0.1", "127.0.0.1"}; };
  const std::vector<Address> found = expand({*parse_address("tcp://a.localhost:70")}, "/", "ingest", resolve);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(to_string(found[0]), "tcp://127.0.0.1:70");
}

}  // namespace
}  // namespace millrace::bus
