#include "containers/mp4/event_message.hpp"

#include <gtest/gtest.h>

namespace millrace::mp4 {
namespace {

EventMessage example() {
  EventMessage event;
  event.scheme = "urn:a";
  event.value = "b";
  event.timescale = 90'000;
  event.presentation_time = 0x1'0000'0002;
  event.duration = 3;
  event.id = 4;
  event.message = {5, 0, 6};
  return event;
}

TEST(EventMessage, IsWrittenAsItsSpecificationHasIt) {
  ByteWriter writer;
  write_event_message(writer, example());
  const Bytes expected = {0,    0, 0,   43,  'e', 'm', 's', 'g', 1,   0, 0, 0, 0, 1, 0x5F,
                          0x90, 0, 0,   0,   1,   0,   0,   0,   2,   0, 0, 0, 3, 0, 0,
                          0,    4, 'u', 'r', 'n', ':', 'a', 0,   'b', 0, 5, 0, 6};
  EXPECT_EQ(Bytes(writer.view().begin(), writer.view().end()), expected);
}

TEST(EventMessage, ComesBackAsItWas) {
  ByteWriter writer;
  write_event_message(writer, example());
  const ByteView payload = writer.view().subspan(8);
  EXPECT_EQ(read_event_message(payload), example());
  for (std::size_t size = 0; size < payload.size() - 3; ++size) {
    const Bytes cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(read_event_message(cut)) << size;
  }
}

}  // namespace
}  // namespace millrace::mp4
