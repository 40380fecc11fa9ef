// What a player reports of itself with its requests: Common Media Client Data (CTA-5004), of which only this
// is used. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::packaging {

struct ClientReport {
  std::string session;                     // sid: of one playback; empty: not sent
  std::optional<std::uint32_t> buffer_ms;  // bl: how much the player has to play on
  bool starved = false;                    // bs: it had nothing left to play since its last request

  bool operator==(const ClientReport&) const = default;
};

// Bounds: what is longer, or has more keys, is not read to its end.
inline constexpr std::size_t kMostReportBytes = 2048;
inline constexpr std::size_t kMostReportKeys = 64;
inline constexpr std::size_t kMostSessionBytes = 64;  // CTA-5004

// Adds what the text says: the percent-decoded query parameter CMCD, or one of the header fields
// CMCD-Session, CMCD-Request, CMCD-Object and CMCD-Status. Keys that are not known are passed over; from the
// first item on that is none, nothing more is read.
void read_client_report(std::string_view text, ClientReport& report);

}  // namespace millrace::packaging
