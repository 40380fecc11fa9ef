#include "codecs/nal_form.hpp"

#include <cstring>

namespace millrace::codecs {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// Where 0 0 1 begins; kNone when it doesn't.
std::size_t find_start_code(ByteView bytes) {
  std::size_t at = 2;
  while (at < bytes.size()) {
    const void* const found = std::memchr(bytes.data() + at, 1, bytes.size() - at);
    if (found == nullptr) return kNone;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    if (bytes[at - 1] == 0 && bytes[at - 2] == 0) return at - 2;
    ++at;
  }
  return kNone;
}

void put_length(std::uint8_t* out, std::size_t length, unsigned length_size) {
  for (unsigned i = length_size; i-- > 0; length >>= 8) out[i] = static_cast<std::uint8_t>(length);
}

ByteView behind_start_code(ByteView bytes) {
  const std::size_t at = find_start_code(bytes);
  return at == kNone ? ByteView() : bytes.subspan(at + 3);
}

}  // namespace

bool begins_with_start_code(ByteView sample) {
  const std::size_t zeros = sample.size() > 3 && sample[2] == 0 ? 3 : 2;
  return sample.size() > zeros && sample[0] == 0 && sample[1] == 0 && sample[zeros] == 1;
}

StartCodeReader::StartCodeReader(ByteView sample) : rest_(behind_start_code(sample)) {}

ByteView StartCodeReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = find_start_code(rest_);
    ByteView nal = rest_.first(end == kNone ? rest_.size() : end);
    rest_ = end == kNone ? ByteView() : rest_.subspan(end + 3);
    // No unit ends with a zero: those belong to the next start code, or fill.
    while (!nal.empty() && nal.back() == 0) nal = nal.first(nal.size() - 1);
    if (!nal.empty()) return nal;
  }
  return {};
}

std::size_t size_with_lengths(const NalSample& sample, unsigned length_size) {
  const std::uint64_t longest = (std::uint64_t{1} << (8 * length_size)) - 1;
  std::size_t size = 0;
  bool fits = true;
  sample.for_each([&](ByteView nal) {
    size += length_size + nal.size();
    fits = fits && nal.size() <= longest;
  });
  return fits ? size : 0;
}

void write_with_lengths(const NalSample& sample, unsigned length_size, std::uint8_t* out) {
  sample.for_each([&](ByteView nal) {
    put_length(out, nal.size(), length_size);
    std::memcpy(out + length_size, nal.data(), nal.size());
    out += length_size + nal.size();
  });
}

bool put_lengths_in_place(std::span<std::uint8_t> sample) {
  constexpr unsigned kSize = 4;
  const auto each_unit = [&](auto&& visit) {
    StartCodeReader reader({sample.data(), sample.size()});
    for (ByteView nal = reader.next(); !nal.empty(); nal = reader.next()) visit(nal);
  };
  std::size_t end = 0;
  bool regular = true;
  each_unit([&](ByteView nal) {
    const auto at = static_cast<std::size_t>(nal.data() - sample.data());
    regular = regular && at == end + kSize;
    end = at + nal.size();
  });
  if (!regular || end == 0 || end != sample.size()) return false;
  // The code in front of a unit has been read when its length is written.
  each_unit([&](ByteView nal) {
    put_length(sample.data() + (nal.data() - sample.data()) - kSize, nal.size(), kSize);
  });
  return true;
}

}  // namespace millrace::codecs
