// A publication that somebody outside was asked about, and perhaps has to hear the end of.
#pragma once

#include "hook.hpp"

namespace millrace::auth {

struct Session {
  Visit visit;
  std::uint32_t owed = 0;  // HookKind bits: hooks that accepted it and have not acknowledged its end yet
  std::int64_t admitted_wall_us = 0;
  std::int64_t ended_wall_us = 0;  // 0: still open
  // Not stored.
  std::uint64_t arrival = 0;  // order in which the requests came
  bool live = false;          // ingest has announced it
};

}  // namespace millrace::auth
