#include "codecs/captions.hpp"
#include "codecs/sei.hpp"

// What is read lies in the unit, and no message is longer than it said.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  for (const std::size_t header : {kAvcNalHeader, kHevcNalHeader}) {
    SeiReader messages(input, header);
    std::size_t read = 0;
    HdrMetadata hdr;
    while (const auto message = messages.next()) {
      read += message->payload.size();
      if (message->payload.size() > message->size || read > size) __builtin_trap();
      read_hdr_message(*message, hdr);
      if (captions_in_t35(message->payload) >= 1U << 5) __builtin_trap();
    }
    HdrMetadata whole;
    read_hdr(input, header, whole);
    if (!(whole == hdr)) __builtin_trap();
  }
  (void)captions_in_t35(input);
  return 0;
}
