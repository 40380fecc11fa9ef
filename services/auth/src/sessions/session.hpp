// A publication that somebody outside was asked about, and perhaps has to hear the end of.
#pragma once

#include "base/publication_ids.hpp"
#include "base/wall_time.hpp"
#include "hooks/hook.hpp"

namespace millrace::auth {

struct Session {
  AccessRequest request;
  std::uint32_t owed = 0;  // HookKind bits: hooks that accepted it and have not acknowledged its end yet
  WallTime admitted_wall{};
  WallTime ended_wall{};  // not set: still open
  // Not stored.
  std::uint64_t arrival = 0;  // order in which the requests came
  bool live = false;          // ingest has announced it

  PublicationId id() const { return PublicationId{request.id}; }
};

}  // namespace millrace::auth
