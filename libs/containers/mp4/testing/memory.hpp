// Files in memory, for tests.
#pragma once

#include <algorithm>

#include "containers/mp4/finish.hpp"

namespace millrace::mp4::test {

inline void append(Bytes& to, const Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// file must outlive the source. Fails when asked for more than there is: the caller would have read past the
// end.
inline FileSource memory_source(ByteView file) {
  return {file.size(), [file](std::uint64_t offset, std::span<std::uint8_t> into) -> Result<void> {
            if (offset > file.size() || into.size() > file.size() - offset) return fail("test.range");
            std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
            return {};
          }};
}

inline Result<Bytes> finish_bytes(const Bytes& file) {
  Bytes output;
  const auto finished = finish(memory_source(file), [&](ByteView bytes) -> Result<void> {
    output.insert(output.end(), bytes.begin(), bytes.end());
    return {};
  });
  if (!finished) return tl::unexpected(finished.error());
  if (finished->size != output.size()) return fail("test.size");
  return output;
}

}  // namespace millrace::mp4::test
