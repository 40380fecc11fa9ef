#include "containers/mp4/box_reader.hpp"

namespace millrace::mp4 {

std::optional<BoxHeader> read_box_header(ByteView bytes) {
  ByteReader reader(bytes);
  BoxHeader header;
  header.size = reader.u32();
  header.type = reader.u32();
  header.header_size = 8;
  if (header.size == 1) {
    header.size = reader.u64();
    header.header_size = 16;
  }
  if (!reader.ok() || header.size < header.header_size) return std::nullopt;
  return header;
}

std::optional<BoxView> BoxReader::next() {
  if (rest_.empty() || !ok_) return std::nullopt;
  const auto header = read_box_header(rest_);
  if (!header || header->size > rest_.size()) {
    ok_ = false;
    return std::nullopt;
  }
  const auto size = static_cast<std::size_t>(header->size);
  const BoxView box{header->type, rest_.first(size).subspan(header->header_size)};
  rest_ = rest_.subspan(size);
  return box;
}

std::optional<ByteView> find_box(ByteView bytes, std::initializer_list<std::string_view> path) {
  for (const std::string_view type : path) {
    BoxReader reader(bytes);
    auto box = reader.next();
    while (box && box->type != four_cc(type)) box = reader.next();
    if (!box) return std::nullopt;
    bytes = box->payload;
  }
  return bytes;
}

}  // namespace millrace::mp4
