// One stream as DASH: its Periods as they go on, and the MPD of what is offered now. No actor and no clock;
// one thread at a time (the stream's actor).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dash_periods.hpp"
#include "stored_text.hpp"

namespace millrace::packaging {

class DashPresentation {
 public:
  // Of the newest Period: where players look for its segments by the clock.
  struct Grid {
    std::uint64_t first_segment = 0;
    WallTime start{};
    std::int64_t length_ns = 0;  // never 0
  };
  // Without a text where there is no MPD.
  struct Manifests {
    StoredText full;
    StoredText plain;  // the same text where nothing differs
    std::optional<Grid> grid{};
  };
  // Called with every offering. The same as before where nothing but the growing segment has changed.
  const Manifests& update(const Offering& offering);

 private:
  // What an MPD is made of; equal: it would be the same.
  struct Signature {
    std::uint64_t first_offered = 0, first_listed = 0, end = 0;
    PublicationId newest{};
    bool ended = false;
    bool long_ended = false;
    bool grows = false;
    std::vector<std::pair<std::string, std::size_t>> made{};  // of ladders: how far each is
    bool operator==(const Signature&) const = default;
  };
  static Signature signature_of(const Offering& offering);

  DashPeriods periods_;
  Signature signature_;
  Manifests manifests_;
};

}  // namespace millrace::packaging
