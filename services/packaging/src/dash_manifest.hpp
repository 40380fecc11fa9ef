// DASH of what a stream offers: an MPD of the same segments under the same names as the playlists
// (hls_playlists.hpp). Pure; the text itself is libs/manifest's.
//
// Times are dates: availabilityStartTime is 1970, and a Period's start is the date of its first sample, so
// that nothing moves when a service begins anew.
#pragma once

#include <string>

#include "dash_periods.hpp"

namespace millrace::packaging {

enum class ManifestForm : std::uint8_t {
  kFull,   // Periods on a grid are asked for by the clock, while their segments grow
  kPlain,  // all segments are whole and listed
};

// periods: updated with the offering. The names in it are relative to the stream's path. Empty: nothing is
// listed, or too little of it has come yet.
std::string dash_manifest(const Offering& offering, const DashPeriods& periods,
                          ManifestForm form = ManifestForm::kFull);

}  // namespace millrace::packaging
