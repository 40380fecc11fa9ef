// A question about one publish or play on its way through the hooks. Private to the desk. Passed on from hook
// to hook, never used by two threads at once.
#pragma once

#include "desk.hpp"

namespace millrace::auth {

struct Desk::Chain {
  InquiryPtr inquiry;
  Occasion occasion = Occasion::kPublish;
  Visit visit;
  std::uint64_t arrival = 0;
  std::uint64_t play_tag = 0;
  std::chrono::milliseconds timeout{0};  // per hook
  const DeskOutside* outside = nullptr;
  std::size_t next = 0;  // hook to ask
  std::uint32_t owed = 0;
  std::vector<std::string> forward_urls;
  bool refused = false;
  std::optional<Error> error;
};

}  // namespace millrace::auth
