// Whatever comes over Redis: an answer, and what is taken names a valid channel and writes back to what it
// says.
#include <cstdlib>

#include "base/ids.hpp"
#include "redis/redis_command.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace::auth;
  const auto command = parse_redis_command({reinterpret_cast<const char*>(data), size});
  if (!command) return 0;
  if (!millrace::is_valid_id(command->channel)) std::abort();
  const auto again = parse_redis_command("close-stream>" + command->channel + "|" + command->session_id);
  if (!again || !(*again == *command)) std::abort();
  return 0;
}
