// One stream as DASH: its Periods as they go on, and the MPD of what is offered now. No actor and no clock;
// one thread at a time (the stream's actor).
#pragma once

#include "dash_periods.hpp"
#include "stored_text.hpp"

namespace millrace::packaging {

class DashPresentation {
 public:
  // Without a text where there is no MPD.
  struct Manifests {
    StoredText full;
    StoredText plain;  // the same text where nothing differs
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
    bool operator==(const Signature&) const = default;
  };
  static Signature signature_of(const Listing& listing);

  DashPeriods periods_;
  Signature signature_;
  Manifests manifests_;
};

}  // namespace millrace::packaging
