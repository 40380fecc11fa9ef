#include "bus/resolver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>

#include "bus/testing.hpp"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using testing::BusDirectory;
using testing::kPatience;

EndpointTable table_of(const BusDirectory& directory, const std::string& ingest) {
  EndpointsConfig config;
  config.directory = directory.path();
  config.addresses["ingest"] = ingest;
  return endpoints(config).value();
}

TEST(Resolver, LooksUpNoFurtherNameWhenItIsStopped) {
  const BusDirectory directory;
  std::atomic<int> lookups = 0;
  std::promise<void> stopped;
  std::promise<Resolver*> made;
  std::shared_future<Resolver*> resolver_made = made.get_future().share();
  {
    Resolver resolver(
        table_of(directory, "tcp://a.localhost:7000,tcp://b.localhost:7000,tcp://c.localhost:7000"),
        [&](const std::string&) -> std::vector<std::string> {
          if (lookups++ == 0) {
            resolver_made.get()->stop();
            stopped.set_value();
          }
          return {};
        },
        1ms, [](const std::string&, const std::vector<Address>&) {});
    made.set_value(&resolver);
    resolver.follow("ingest");
    ASSERT_EQ(stopped.get_future().wait_for(kPatience), std::future_status::ready);
  }
  EXPECT_EQ(lookups, 1);
}

TEST(Resolver, FindsInstancesInTheDirectoryWhileANameIsLookedUp) {
  const BusDirectory directory;
  std::promise<void> asked;
  std::promise<void> answer;
  std::promise<void> found;
  std::promise<void> resolved;
  std::atomic<int> lookups = 0;
  std::atomic<bool> was_found = false;
  std::atomic<bool> was_resolved = false;
  const Address slow{Address::Kind::kTcp, "127.0.0.9", 7000};
  const Address near = ipc_address(directory.path(), {"ingest", "b"}).value();
  Resolver resolver(
      table_of(directory, "tcp://slow.localhost:7000,ipc://"),
      [&](const std::string&) -> std::vector<std::string> {
        if (lookups++ == 0) {
          asked.set_value();
          answer.get_future().wait();
        }
        return {"127.0.0.9"};
      },
      1ms,
      [&](const std::string&, const std::vector<Address>& now) {
        const auto has = [&](const Address& one) {
          return std::find(now.begin(), now.end(), one) != now.end();
        };
        if (has(near) && !was_found.exchange(true)) found.set_value();
        if (has(slow) && !was_resolved.exchange(true)) resolved.set_value();
      });
  resolver.follow("ingest");
  ASSERT_EQ(asked.get_future().wait_for(kPatience), std::future_status::ready);
  std::ofstream(directory.path() + "/ingest.b.commands") << "";
  EXPECT_EQ(found.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(was_resolved);
  answer.set_value();
  EXPECT_EQ(resolved.get_future().wait_for(kPatience), std::future_status::ready);
}

}  // namespace
}  // namespace millrace::bus
