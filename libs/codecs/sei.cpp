#include "codecs/sei.hpp"

#include <algorithm>

namespace millrace::codecs {

SeiReader::SeiReader(ByteView nal, std::size_t header_size)
    : rest_(nal.size() <= header_size
                ? ByteView()
                : nal.subspan(header_size, std::min(nal.size() - header_size, kMaxBytes))) {}

std::uint8_t SeiReader::byte() {
  if (zeros_ >= 2 && !rest_.empty() && rest_.front() == 3) {
    zeros_ = 0;
    rest_ = rest_.subspan(1);
  }
  if (rest_.empty()) return 0;
  const std::uint8_t byte = rest_.front();
  rest_ = rest_.subspan(1);
  zeros_ = byte == 0 ? zeros_ + 1 : 0;
  return byte;
}

// payload_type and payload_size: 255 for each byte that is full.
std::uint32_t SeiReader::number() {
  std::uint32_t value = 0;
  while (!rest_.empty()) {
    const std::uint8_t next = byte();
    value += next;
    if (next != 0xFF) break;
  }
  return value;
}

std::optional<SeiReader::Message> SeiReader::next() {
  if (rest_.empty()) return std::nullopt;
  Message message;
  message.type = number();
  message.size = number();
  if (rest_.empty()) return std::nullopt;
  payload_.clear();
  for (std::uint32_t i = 0; i < message.size && !rest_.empty(); ++i) payload_.push_back(byte());
  message.payload = payload_;
  return message;
}

void read_hdr_message(const SeiReader::Message& message, HdrMetadata& hdr) {
  ByteReader reader(message.payload);
  if (message.type == kSeiMasteringDisplay) {
    MasteringDisplay display;
    for (std::uint16_t& coordinate : display.chromaticity) coordinate = reader.u16();
    display.max_luminance = reader.u32();
    display.min_luminance = reader.u32();
    if (reader.ok()) hdr.mastering = display;
  } else if (message.type == kSeiContentLight) {
    ContentLight light;
    light.max_content = reader.u16();
    light.max_average = reader.u16();
    if (reader.ok()) hdr.light = light;
  }
}

void read_hdr(ByteView nal, std::size_t header_size, HdrMetadata& hdr) {
  SeiReader messages(nal, header_size);
  while (const auto message = messages.next()) read_hdr_message(*message, hdr);
}

}  // namespace millrace::codecs
