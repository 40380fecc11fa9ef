#include "containers/mp4/fragmented_file.hpp"

#include <algorithm>
#include <array>

#include "containers/mp4/init_segment.hpp"

namespace millrace::mp4 {

using Part = FragmentedFileReader::Part;

// nullopt: no whole box begins there.
Result<std::optional<BoxHeader>> FragmentedFileReader::header_at(std::uint64_t offset) {
  std::array<std::uint8_t, kMaxBoxHeader> bytes{};
  const std::uint64_t rest = offset < source_.size ? source_.size - offset : 0;
  const auto view =
      std::span(bytes).first(static_cast<std::size_t>(std::min<std::uint64_t>(rest, bytes.size())));
  if (view.size() < 8) return std::nullopt;
  if (auto read = source_.read(offset, view); !read) return tl::unexpected(read.error());
  const auto header = read_box_header(view);
  if (!header || header->size > rest) return std::nullopt;
  return header;
}

Result<Bytes> FragmentedFileReader::payload_at(std::uint64_t offset, const BoxHeader& header) {
  Bytes payload(static_cast<std::size_t>(header.size - header.header_size));
  if (auto read = source_.read(offset + header.header_size, payload); !read)
    return tl::unexpected(read.error());
  return payload;
}

Result<std::optional<Part>> FragmentedFileReader::next() {
  while (true) {
    auto header = header_at(position_);
    if (!header) return tl::unexpected(header.error());
    if (!*header) return std::nullopt;
    const BoxHeader& box = **header;
    if (box.type == four_cc("moov")) return read_movie(box);
    if (box.type == four_cc("moof")) return read_fragment_part(box);
    if (box.type == four_cc("mdat")) return std::nullopt;  // a payload nobody described
    if (box.type != four_cc("ftyp") && box.size <= kMaxOwnBox) return read_own_box(box);
    position_ += box.size;
  }
}

Result<std::optional<Part>> FragmentedFileReader::read_movie(const BoxHeader& header) {
  if (header.size > kMaxHeaderBox) return std::nullopt;
  const auto payload = payload_at(position_, header);
  if (!payload) return tl::unexpected(payload.error());
  auto tracks = read_tracks(*payload);
  if (!tracks) return std::nullopt;
  position_ += header.size;
  return Part(Movie{std::move(*tracks)});
}

Result<std::optional<Part>> FragmentedFileReader::read_fragment_part(const BoxHeader& header) {
  const auto mdat = header_at(position_ + header.size);
  if (!mdat) return tl::unexpected(mdat.error());
  if (header.header_size != 8 || header.size > kMaxHeaderBox || !*mdat || (*mdat)->type != four_cc("mdat") ||
      (*mdat)->header_size != 8) {
    return std::nullopt;
  }
  const auto payload = payload_at(position_, header);
  if (!payload) return tl::unexpected(payload.error());
  auto fragment = read_fragment(*payload);
  if (!fragment || fragment->payload_size != (*mdat)->size - 8) return std::nullopt;
  const std::uint64_t payload_offset = position_ + header.size + 8;
  position_ += header.size + (*mdat)->size;
  return Part(Fragment{std::move(*fragment), payload_offset});
}

Result<std::optional<Part>> FragmentedFileReader::read_own_box(const BoxHeader& header) {
  auto payload = payload_at(position_, header);
  if (!payload) return tl::unexpected(payload.error());
  position_ += header.size;
  return Part(OwnBox{header.type, std::move(*payload)});
}

}  // namespace millrace::mp4
