#include "redis/redis_command.hpp"

#include <gtest/gtest.h>

namespace millrace::auth {
namespace {

struct Row {
  std::string message;
  std::string channel;  // empty: refused
  std::string session;
};

TEST(RedisCommand, AreTakenAsDocumentedAndNothingElse) {
  const std::vector<Row> rows = {
      {"kill-session>chan", "chan", "*"},
      {"KILL-Session>chan\r\n", "chan", "*"},
      {"close-stream>chan|s1", "chan", "s1"},
      {"Close-Stream>chan|*", "chan", "*"},
      {"close-stream>chan|a/b:c=", "chan", "a/b:c="},
      {"close-stream>" + std::string(128, 'c') + "|" + std::string(256, 's'), std::string(128, 'c'),
       std::string(256, 's')},
      {"", "", ""},
      {">", "", ""},
      {"kill-session", "", ""},
      {"kill-session>", "", ""},
      {"kill-session>*", "", ""},
      {"kill-session>a b", "", ""},
      {"kill-session>chan|s1", "", ""},
      {"kill-session>chan>x", "", ""},
      {" kill-session>chan", "", ""},
      {"kill-sessions>chan", "", ""},
      {"kill>chan", "", ""},
      {"close-stream>chan", "", ""},
      {"close-stream>chan|", "", ""},
      {"close-stream>chan|a|b", "", ""},
      {"close-stream>|s1", "", ""},
      {"close-stream>chan|a b", "", ""},
      {"close-stream>chan|\x01", "", ""},
      {std::string("kill-session>chan\0x", 19), "", ""},
      {R"({"command":"kill-session","channel":"chan"})", "", ""},
      {"close-stream>" + std::string(129, 'c') + "|s1", "", ""},
      {"close-stream>chan|" + std::string(257, 's'), "", ""},
      {"kill-session>chan" + std::string(2000, ' '), "", ""},
      {std::string(10 << 20, 'x'), "", ""},
  };
  for (const Row& row : rows) {
    const Result<RedisCommand> command = parse_redis_command(row.message);
    ASSERT_EQ(command.has_value(), !row.channel.empty()) << row.message.substr(0, 80);
    if (command) {
      EXPECT_EQ(*command, (RedisCommand{row.channel, row.session}));
    } else {
      EXPECT_EQ(command.error().code, "auth.redis_command");
    }
  }
}

TEST(RedisCommand, EveryTruncationIsRefusedOrAnotherCommand) {
  const std::string whole = "close-stream>chan|s1";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<RedisCommand> command = parse_redis_command(whole.substr(0, size));
    EXPECT_EQ(command.has_value(), size == whole.size() - 1) << size;
  }
}

TEST(RedisRate, LetsABurstAndThenSoManyASecondThrough) {
  RedisRate rate;
  int admitted = 0;
  for (int i = 0; i < 50'000; ++i) admitted += rate.admit(1'000'000 + i * 20) ? 1 : 0;  // a second of 50,000
  EXPECT_GE(admitted, 290);
  EXPECT_LE(admitted, 301);
  EXPECT_TRUE(rate.admit(10'000'000));
}

}  // namespace
}  // namespace millrace::auth
