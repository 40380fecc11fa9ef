// Loads an FLV file whole into memory as a list of tags.
#pragma once
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

struct FlvTag {
  uint8_t type;      // 8 audio, 9 video, 18 data
  bool key = false;  // a video key frame (not a sequence header)
  bool seqHeader = false;
  uint32_t ts;      // ms
  size_t off, len;  // in FlvFile::data
};

struct FlvFile {
  std::vector<uint8_t> data;
  std::vector<FlvTag> media;  // audio and video without sequence headers
  std::vector<FlvTag> head;   // onMetaData, AVC and AAC sequence headers
  std::vector<size_t> keys;   // indices in media
  uint32_t durationMs = 0;

  explicit FlvFile(const std::string& path) {
    FILE* f = fopen(path.c_str(), "rb");
    if (!f) throw std::runtime_error("cannot open " + path);
    fseek(f, 0, SEEK_END);
    data.resize(size_t(ftell(f)));
    rewind(f);
    const bool ok = fread(data.data(), 1, data.size(), f) == data.size();
    fclose(f);
    if (!ok || data.size() < 13 || data[0] != 'F' || data[1] != 'L' || data[2] != 'V')
      throw std::runtime_error("not an FLV file: " + path);
    size_t p = 9 + 4;
    uint32_t first = UINT32_MAX, last = 0;
    while (p + 11 <= data.size()) {
      const uint8_t* t = &data[p];
      const size_t len = size_t(t[1]) << 16 | t[2] << 8 | t[3];
      if (p + 11 + len + 4 > data.size()) break;
      FlvTag tag{uint8_t(t[0] & 0x1f),
                 false,
                 false,
                 uint32_t(t[7]) << 24 | t[4] << 16 | t[5] << 8 | t[6],
                 p + 11,
                 len};
      const uint8_t* b = t + 11;
      if (tag.type == 9 && len >= 5) {
        tag.seqHeader = (b[0] & 0x0f) == 7 && b[1] == 0;
        tag.key = (b[0] >> 4) == 1 && !tag.seqHeader;
        if ((b[0] & 0x0f) == 7 && b[1] == 2) tag.type = 0;  // end of sequence: dropped
      } else if (tag.type == 8 && len >= 2) {
        tag.seqHeader = (b[0] >> 4) == 10 && b[1] == 0;
      }
      if (tag.type == 18 || tag.seqHeader) {
        head.push_back(tag);
      } else if (tag.type == 8 || tag.type == 9) {
        if (tag.key) keys.push_back(media.size());
        if (tag.ts < first) first = tag.ts;
        if (tag.ts > last) last = tag.ts;
        media.push_back(tag);
      }
      p += 11 + len + 4;
    }
    if (media.empty() || keys.empty()) throw std::runtime_error("no media in " + path);
    for (auto& m : media) m.ts -= first;
    durationMs = last - first + 33;
  }
};
