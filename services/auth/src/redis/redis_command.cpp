#include "redis/redis_command.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace millrace::auth {

namespace {

constexpr std::size_t kMaxSessionId = 256;

bool equals(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool is_session_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSessionId &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Result<RedisCommand> parse_redis_command(std::string_view message) {
  if (message.size() > kMaxRedisCommand) return fail("auth.redis_command", "too long");
  message = message.substr(0, message.find_last_not_of(" \t\r\n") + 1);
  const std::size_t arrow = message.find('>');
  if (arrow == std::string_view::npos || message.find('>', arrow + 1) != std::string_view::npos) {
    return fail("auth.redis_command", "not one command with its arguments");
  }
  const std::string_view name = message.substr(0, arrow);
  const std::string_view arguments = message.substr(arrow + 1);
  const std::size_t bar = arguments.find('|');
  const std::string_view channel = arguments.substr(0, bar);
  if (!is_valid_id(channel)) return fail("auth.redis_command", "not a channel");
  if (equals(name, "kill-session")) {
    if (bar != std::string_view::npos) return fail("auth.redis_command", "kill-session has one argument");
    return RedisCommand{std::string(channel), "*"};
  }
  if (!equals(name, "close-stream")) return fail("auth.redis_command", "not a command that is known");
  if (bar == std::string_view::npos) return fail("auth.redis_command", "close-stream has two arguments");
  const std::string_view session = arguments.substr(bar + 1);
  if (!is_session_id(session) || session.find('|') != std::string_view::npos) {
    return fail("auth.redis_command", "not a stream id");
  }
  return RedisCommand{std::string(channel), std::string(session)};
}

bool RedisRate::admit(std::int64_t now_us) {
  if (at_us_ != 0) left_ = std::min(kBurst, left_ + kPerSecond * static_cast<double>(now_us - at_us_) / 1e6);
  at_us_ = now_us;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

}  // namespace millrace::auth
