#include "bus/reply_codes.hpp"

#include <mutex>
#include <set>

namespace millrace::bus {

ErrorCode intern_code(const std::string& code) {
  constexpr std::size_t kMaxCodes = 256;
  static std::mutex mutex;
  static std::set<std::string>& codes = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  const auto known = codes.find(code);
  if (known != codes.end()) return ErrorCode::of_lasting(*known);
  if (codes.size() >= kMaxCodes || code.size() > 128) return "bus.peer_error";
  return ErrorCode::of_lasting(*codes.insert(code).first);
}

}  // namespace millrace::bus
