#include "http/ops_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config.hpp"

namespace millrace::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(OpsConfig, NeedsATokenBeyondLoopback) {
  for (const char* address : {"127.0.0.1", "127.0.0.2", "::1", "localhost", "::ffff:127.0.0.1"})
    EXPECT_TRUE(OpsConfig{.address = address}.check()) << address;
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "example.org", ""}) {
    OpsConfig config{.address = address, .port_variable = "METRICS_PORT"};
    const Result<void> refused = config.check();
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().code, "config.metrics_token");
    EXPECT_THAT(refused.error().message, HasSubstr("METRICS_TOKEN_FILE"));
    EXPECT_THAT(refused.error().message, HasSubstr("METRICS_PORT"));
    config.token = Secret("0123456789abcdef");
    EXPECT_TRUE(config.check()) << address;
  }
}

TEST(OpsConfig, RefusesWhatIsNoTokenAndDoesNotRepeatIt) {
  for (const std::string& text :
       {std::string("too short"), std::string("sixteen or more, but blanks"), std::string(1025, 'x'),
        std::string("0123456789abcdef\nsecond line"), std::string(20, '\0')}) {
    const OpsConfig config{.token = Secret(text)};
    ASSERT_FALSE(config.check());
    EXPECT_EQ(config.check().error().code, "config.metrics_token");
    EXPECT_THAT(config.check().error().message, Not(HasSubstr(text)));
  }
  EXPECT_TRUE(OpsConfig{.token = Secret(std::string(1024, 'x'))}.check());
}

TEST(OpsConfig, HasRowsUnderTheServicesOwnNames) {
  OpsConfig config;
  ConfigTable table;
  config.add_rows(table, "METRICS_ADDRESS", "METRICS_PORT", "9090", "a port");
  ASSERT_TRUE(table.load([](const std::string&) { return std::nullopt; }));
  EXPECT_EQ(config.address, "127.0.0.1");
  EXPECT_EQ(config.port, 9090);
  EXPECT_EQ(config.port_variable, "METRICS_PORT");
  EXPECT_TRUE(config.token.empty());
  ASSERT_TRUE(table.load([](const std::string& name) {
    return name == "METRICS_TOKEN" ? std::optional<std::string>("0123456789abcdef") : std::nullopt;
  }));
  EXPECT_EQ(config.token.reveal(), "0123456789abcdef");
}

}  // namespace
}  // namespace millrace::http
