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

// Writes into output, which gets the size that was reserved; written counts bytes.
inline FileSink memory_sink(Bytes& output, std::uint64_t& written) {
  return {[&](std::uint64_t size) -> Result<void> {
            output.resize(size);
            return {};
          },
          [&](std::uint64_t offset, ByteView bytes) -> Result<void> {
            if (offset > output.size() || bytes.size() > output.size() - offset) return fail("test.range");
            std::copy(bytes.begin(), bytes.end(), output.begin() + static_cast<std::ptrdiff_t>(offset));
            written += bytes.size();
            return {};
          }};
}

// "test.size": the file was not written whole, or some of it twice.
inline Result<Bytes> finish_bytes(const Bytes& file, Finished* told = nullptr, const LeadIns& lead_ins = {}) {
  Bytes output;
  std::uint64_t written = 0;
  const auto finished = finish(memory_source(file), memory_sink(output, written), lead_ins);
  if (!finished) return tl::unexpected(finished.error());
  if (finished->size != output.size() || written != output.size()) return fail("test.size");
  if (told != nullptr) *told = *finished;
  return output;
}

}  // namespace millrace::mp4::test
