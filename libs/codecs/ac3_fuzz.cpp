#include "codecs/ac3.hpp"

namespace {

using namespace millrace::codecs;

void expect_same(const Ac3Configuration& of_frame, const millrace::Result<Ac3Configuration>& of_box) {
  if (!of_box || of_box->channels != of_frame.channels) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const millrace::ByteView input(bytes, size);
  if (const auto ac3 = parse_ac3_frame(input))
    expect_same(*ac3, parse_ac3_specific_box(ac3_specific_box(*ac3)));
  if (const auto eac3 = parse_eac3_frame(input))
    expect_same(*eac3, parse_eac3_specific_box(eac3_specific_box(*eac3)));
  (void)parse_ac3_specific_box(input);
  (void)parse_eac3_specific_box(input);
  return 0;
}
