// Points in time of the wall clock, as a type. Those of CLOCK_MONOTONIC are std::int64_t, named _us: neither
// is taken for or compared with the other. What is added to one or taken from it is a duration, _us as well.
//
//   WallTime until = now.wall + lifetime_us;
//   std::int64_t age_us = now.wall - until;
//   message.set_until_wall_us(until.us());
//
// Numbers are made of it, and it is made of numbers, where a message, a row or a file is read or written.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace millrace {

// Plain data of eight bytes, of which shared memory holds some. 1970 itself stands for "none", as in messages
// and rows.
class WallTime {
 public:
  constexpr WallTime() = default;
  static constexpr WallTime from_us(std::int64_t since_1970_us) { return WallTime(since_1970_us); }
  static constexpr WallTime from_seconds(std::int64_t since_1970_s) {
    return WallTime(since_1970_s * kSecondUs);
  }

  constexpr bool is_set() const { return us_ != 0; }
  constexpr std::int64_t us() const { return us_; }
  constexpr std::int64_t ms() const { return us_ / 1000; }
  constexpr std::int64_t seconds() const { return us_ / kSecondUs; }

  constexpr WallTime& operator+=(std::int64_t duration_us) {
    us_ += duration_us;
    return *this;
  }
  constexpr WallTime& operator-=(std::int64_t duration_us) {
    us_ -= duration_us;
    return *this;
  }
  friend constexpr WallTime operator+(WallTime time, std::int64_t duration_us) { return time += duration_us; }
  friend constexpr WallTime operator-(WallTime time, std::int64_t duration_us) { return time -= duration_us; }
  friend constexpr std::int64_t operator-(WallTime later, WallTime earlier) {
    return later.us_ - earlier.us_;
  }
  friend constexpr auto operator<=>(WallTime, WallTime) = default;  // NOLINT(modernize-use-nullptr): false

 private:
  static constexpr std::int64_t kSecondUs = 1'000'000;

  constexpr explicit WallTime(std::int64_t us) : us_(us) {}

  std::int64_t us_ = 0;
};

// 2026-11-20T21:49:15.123Z (RFC 3339, UTC, milliseconds).
std::string rfc3339(WallTime time);

}  // namespace millrace
