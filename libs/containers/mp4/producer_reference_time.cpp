#include "containers/mp4/producer_reference_time.hpp"

#include <algorithm>

#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint64_t kMicroseconds = 1'000'000;
// NTP counts from 1900 on (RFC 5905 6), in units of 2^-32 s.
constexpr std::uint64_t kSecondsTo1970 = 2'208'988'800;

std::uint64_t ntp_time(WallTime wall) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(wall.us(), 0));
  return (us / kMicroseconds + kSecondsTo1970) << 32 | (us % kMicroseconds << 32) / kMicroseconds;
}

WallTime wall_time(std::uint64_t ntp) {
  const std::uint64_t us = (ntp & 0xFFFFFFFF) * kMicroseconds >> 32;
  return WallTime::from_us(static_cast<std::int64_t>(((ntp >> 32) - kSecondsTo1970) * kMicroseconds + us));
}

}  // namespace

void write_producer_reference_time(ByteWriter& writer, const ProducerReferenceTime& reference) {
  const Box prft(writer, "prft", 1, 0);
  writer.u32(reference.track_id);
  writer.u64(ntp_time(reference.wall));
  writer.u64(reference.media_time);
}

std::optional<ProducerReferenceTime> read_producer_reference_time(ByteView payload) {
  ByteReader reader(payload);
  if (reader.u8() != 1) return std::nullopt;
  reader.skip(3);
  ProducerReferenceTime reference;
  reference.track_id = reader.u32();
  const std::uint64_t ntp = reader.u64();
  reference.media_time = reader.u64();
  if (!reader.ok() || ntp >> 32 < kSecondsTo1970) return std::nullopt;
  reference.wall = wall_time(ntp);
  return reference;
}

}  // namespace millrace::mp4
