// FLV files for test programs (Adobe FLV 10.1, Annex E): the whole file as a list of tags.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "rtmp/message.hpp"

namespace millrace::tools {

struct FlvTag {
  rtmp::MessageType type{};
  std::uint32_t timestamp_ms = 0;
  Bytes body;
  // A codec configuration or metadata: not a frame.
  bool is_header() const;
};

// Ends the program when the file can't be read or is no FLV.
std::vector<FlvTag> read_flv(const std::string& path);

}  // namespace millrace::tools
