#include "media/timed_event.hpp"

// What comes out is within its bounds, and a splice is a whole section.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace;
  using namespace millrace::media;
  const EventReading found = read_timed_event(ByteView(bytes, size), 10'000);
  if (!found.event) return 0;
  const TimedEvent& event = *found.event;
  if (found.refused || event.delay_us < 0 || event.delay_us > kMaxEventDelayUs) __builtin_trap();
  if (event.kind == TimedEvent::Kind::kSplice) {
    if (codecs::parse_splice_info(event.message) != event.splice) __builtin_trap();
  } else if (event.message.size() > kMaxEventText + 64 || !as_text(event.message).starts_with("ID3")) {
    __builtin_trap();
  }
  return 0;
}
