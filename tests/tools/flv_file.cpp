#include "flv_file.hpp"

#include <fstream>
#include <iterator>

#include "socket.hpp"

namespace millrace::tools {

bool FlvTag::is_header() const {
  if (type == rtmp::MessageType::kData) return true;
  return body.size() > 1 && body[1] == 0 &&
         (type == rtmp::MessageType::kVideo ? (body[0] & 0x0F) == 7 : (body[0] >> 4) == 10);
}

std::vector<FlvTag> read_flv(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes bytes(std::istreambuf_iterator<char>(file), {});
  ByteReader reader(bytes);
  if (as_text(reader.take(3)) != "FLV") die(path + " is not an FLV file");
  reader.skip(2);
  reader.skip(reader.u32() - 9);
  reader.skip(4);
  std::vector<FlvTag> tags;
  while (reader.remaining() >= 11) {
    FlvTag tag;
    tag.type = static_cast<rtmp::MessageType>(reader.u8());
    const std::uint32_t size = reader.u24();
    tag.timestamp_ms = reader.u24();
    tag.timestamp_ms |= static_cast<std::uint32_t>(reader.u8()) << 24;
    reader.skip(3);
    const ByteView body = reader.take(size);
    reader.skip(4);
    tag.body.assign(body.begin(), body.end());
    tags.push_back(std::move(tag));
  }
  return tags;
}

}  // namespace millrace::tools
