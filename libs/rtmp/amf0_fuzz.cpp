// What can be read can be written, and reads back as the same bytes.
#include <cstdlib>

#include "rtmp/amf0.hpp"
#include "rtmp/colour_info.hpp"
#include "rtmp/media_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const ByteView input(data, size);
  (void)rtmp::parse_data_message(input);
  (void)rtmp::parse_colour_info(input);
  const auto values = rtmp::amf0::parse(input);
  if (!values) return 0;
  ByteWriter first;
  for (const auto& value : *values) rtmp::amf0::serialize(value, first);
  const auto again = rtmp::amf0::parse(first.view());
  if (!again) std::abort();
  ByteWriter second;
  for (const auto& value : *again) rtmp::amf0::serialize(value, second);
  if (first.take() != second.take()) std::abort();
  return 0;
}
