// Commands that come over Redis: "NAME>ARGUMENT|ARGUMENT". Sans-IO.
//
//   kill-session>CHANNEL             ends whatever is published on the channel
//   close-stream>CHANNEL|STREAM_ID   ends it if it is this session (or publication); "*": any
//
// Names without regard to case, white space at the end of the message (a line's end) is passed over.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::auth {

struct RedisCommand {
  std::string channel;     // a valid id
  std::string session_id;  // "*" for any; printable
  bool operator==(const RedisCommand&) const = default;
};

inline constexpr std::size_t kMaxRedisCommand = 1024;  // bytes

// Errors: auth.redis_command with a reason that never quotes the message.
Result<RedisCommand> parse_redis_command(std::string_view message);

// Lets so many commands through a second, and a burst; the others are dropped. Times are monotonic
// microseconds.
class RedisRate {
 public:
  static constexpr double kPerSecond = 100;
  static constexpr double kBurst = 200;

  bool admit(std::int64_t now_us);

 private:
  double left_ = kBurst;
  std::int64_t at_us_ = 0;
};

}  // namespace millrace::auth
