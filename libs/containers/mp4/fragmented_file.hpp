// Walks a fragmented file as recording writes it: movies (ftyp and moov), fragments (moof and mdat) and small
// boxes of the program's own, one after the other. Payloads are not read. One thread; the source is the
// caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/track.hpp"

namespace millrace::mp4 {

// A file, or memory. read fills the span from the offset, or fails; it is never asked for more than size.
struct FileSource {
  std::uint64_t size = 0;
  std::function<Result<void>(std::uint64_t offset, std::span<std::uint8_t> into)> read;
};

class FragmentedFileReader {
 public:
  static constexpr std::uint64_t kMaxHeaderBox = 32U << 20;  // moov or moof
  static constexpr std::uint64_t kMaxOwnBox = 1U << 20;      // a larger one is passed over unread

  struct Movie {
    std::vector<Track> tracks;
  };
  struct Fragment {
    FragmentHeader header;
    std::uint64_t payload_offset = 0;  // in the source; header.payload_size bytes
  };
  struct OwnBox {
    std::uint32_t type = 0;
    Bytes payload;
  };
  using Part = std::variant<Movie, Fragment, OwnBox>;

  explicit FragmentedFileReader(FileSource source) : source_(std::move(source)) {}

  // The next whole part; nullopt at the end, or at the first part that is not whole: a tail torn by a crash.
  // The only errors are the source's.
  Result<std::optional<Part>> next();
  // One past the last whole part: where a torn file is cut.
  std::uint64_t position() const { return position_; }

 private:
  Result<std::optional<BoxHeader>> header_at(std::uint64_t offset);
  Result<Bytes> payload_at(std::uint64_t offset, const BoxHeader& header);
  Result<std::optional<Part>> read_movie(const BoxHeader& header);
  Result<std::optional<Part>> read_fragment_part(const BoxHeader& header);
  Result<std::optional<Part>> read_own_box(const BoxHeader& header);

  FileSource source_;
  std::uint64_t position_ = 0;
};

}  // namespace millrace::mp4
