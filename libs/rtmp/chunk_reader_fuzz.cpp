// A chunk stream read whole and in pieces (the first byte says how large), saved and restored between them,
// gives the same messages or the same error.
#include <cstdlib>
#include <map>
#include <string>

#include "rtmp/chunk_reader.hpp"

namespace {

using namespace millrace;

class Summary : public rtmp::ChunkSink {
 public:
  explicit Summary(rtmp::ChunkReader& reader) : reader_(reader) {}

  Result<void> message_begin(std::size_t slot, const rtmp::MessageHeader& header) override {
    text += "begin " + std::to_string(slot) + " " + std::to_string(header.timestamp_ms) + " " +
            std::to_string(header.size) + "\n";
    bodies_[slot].clear();
    left_[slot] = header.size;
    return {};
  }
  Result<void> message_bytes(std::size_t slot, ByteView bytes) override {
    if (bytes.empty() || bytes.size() > left_[slot]) std::abort();
    left_[slot] -= bytes.size();
    bodies_[slot].append(as_text(bytes));
    return {};
  }
  Result<void> message_end(std::size_t slot) override {
    if (left_[slot] != 0) std::abort();
    text += "end " + std::to_string(slot) + " " + bodies_[slot] + "\n";
    // Any message of four bytes sets the chunk size, so that the fuzzer reaches sizes easily.
    if (bodies_[slot].size() != 4) return {};
    return reader_.set_chunk_size(ByteReader(as_bytes(bodies_[slot])).u32());
  }

  std::string text;

 private:
  rtmp::ChunkReader& reader_;
  std::map<std::size_t, std::string> bodies_;
  std::map<std::size_t, std::size_t> left_;
};

std::string read(ByteView bytes, std::size_t step, bool restoring) {
  const rtmp::SessionLimits limits;
  rtmp::ChunkReader reader(limits);
  Summary summary(reader);
  while (!bytes.empty()) {
    ByteView part = bytes.first(std::min(step, bytes.size()));
    bytes = bytes.subspan(part.size());
    if (auto result = reader.receive(part, limits, summary); !result) {
      return summary.text + std::string(result.error().code);
    }
    if (!restoring) continue;
    ByteWriter saved;
    reader.save(saved);
    ByteReader input(saved.view());
    if (!reader.restore(input, limits) || !input.empty()) std::abort();
  }
  return summary.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  if (read(input, input.size(), false) != read(input, data[0] % 32 + 1U, true)) std::abort();
  return 0;
}
