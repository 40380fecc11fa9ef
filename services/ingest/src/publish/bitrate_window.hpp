// Measures the bit rate over the last seconds, so that a key frame or a short stall's backlog is no excess.
// A sender is over the limit as soon as the window holds more than the limit allows for a whole window: a
// fast one is noticed early, one that is a little over within the window.
//
// Sans-IO, plain data; one thread at a time.
#pragma once

#include <array>
#include <cstdint>

namespace millrace::ingest {

class BitrateWindow {
 public:
  static constexpr std::int64_t kSlotUs = 1'000'000;
  static constexpr std::size_t kSlots = 10;

  // Bits a second; 0: no limit.
  explicit BitrateWindow(std::uint64_t limit = 0) : limit_bytes_(limit / 8 * kSlots) {}

  // So many bytes have come. False: the sender is over its limit.
  [[nodiscard]] bool add(std::uint64_t bytes, std::int64_t now_us) {
    if (limit_bytes_ == 0) return true;
    advance(now_us / kSlotUs);
    slots_[static_cast<std::size_t>(slot_) % kSlots] += bytes;
    total_ += bytes;
    return total_ <= limit_bytes_;
  }

 private:
  void advance(std::int64_t slot) {
    if (slot <= slot_) return;
    const std::int64_t passed = slot - slot_;
    for (std::int64_t i = 1; i <= passed && i <= static_cast<std::int64_t>(kSlots); ++i) {
      std::uint64_t& old = slots_[static_cast<std::size_t>(slot_ + i) % kSlots];
      total_ -= old;
      old = 0;
    }
    slot_ = slot;
  }

  std::uint64_t limit_bytes_;
  std::uint64_t total_ = 0;
  std::int64_t slot_ = 0;
  std::array<std::uint64_t, kSlots> slots_{};
};

}  // namespace millrace::ingest
