// What tells publications and their logs apart: each a type of its own, so that no call can exchange two of
// them. Numbers again on the wire, in files, in shared memory and in log lines. Sequences of records and of
// media stay plain integers: they are counted with all the time.
#pragma once

#include <cstdint>
#include <type_traits>

namespace millrace {

enum class PublicationId : std::uint64_t {};  // a random number, of one publication for good
enum class Epoch : std::uint64_t {};          // of a stream's publications: a later one's is higher
enum class SlotIndex : std::uint32_t {};      // of a log in its arena

inline constexpr PublicationId kNoPublication{0};
inline constexpr Epoch kNoEpoch{0};  // of a stream that was never published

template <class Id>
requires std::is_enum_v<Id>
constexpr std::underlying_type_t<Id> number_of(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

constexpr Epoch next(Epoch epoch) {
  return Epoch{number_of(epoch) + 1};
}

}  // namespace millrace
