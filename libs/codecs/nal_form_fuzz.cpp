#include <vector>

#include "codecs/nal_form.hpp"
#include "codecs/random_access.hpp"

// What is written reads back as the same units, and takes the space that was said.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::codecs;
  const millrace::ByteView input(bytes, size);
  for (const unsigned length_size : {0U, 1U, 2U, 4U}) {
    const NalSample sample{input, length_size == 0, length_size == 0 ? 4 : length_size};
    std::vector<millrace::ByteView> units;
    sample.for_each([&](millrace::ByteView nal) {
      (void)is_intra_slice(nal);
      units.push_back(nal);
    });
    for (const unsigned written_size : {1U, 2U, 4U}) {
      std::vector<std::uint8_t> written(size_with_lengths(sample, written_size));
      if (written.empty()) continue;
      if (length_size == 0 && written.size() > size * 5 / 4) __builtin_trap();
      write_with_lengths(sample, written_size, written.data());
      NalReader reader(written, written_size);
      for (const millrace::ByteView unit : units) {
        if (millrace::as_text(reader.next()) != millrace::as_text(unit)) __builtin_trap();
      }
      if (!reader.next().empty() || !reader.ok()) __builtin_trap();
    }
  }
  const NalSample sample{input, true, 4};
  std::vector<std::uint8_t> written(size_with_lengths(sample, 4));
  write_with_lengths(sample, 4, written.data());
  std::vector<std::uint8_t> in_place(input.begin(), input.end());
  const bool done = put_lengths_in_place(in_place);
  if (in_place != (done ? written : std::vector<std::uint8_t>(input.begin(), input.end()))) __builtin_trap();
  return 0;
}
