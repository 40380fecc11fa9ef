// Bytes of a client, through the buffer that a connection reads them with. The first byte is in how large
// pieces the second reader gets them: both must find the same requests, up to where either refuses, and
// neither may hold or give out more than its bounds.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "http/request_reader.hpp"

namespace {

using namespace millrace::http;
using Step = RequestReader::Step;

Limits small_limits() {
  Limits limits;
  limits.header_bytes = 1024;
  limits.body_bytes = 512;
  return limits;
}

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  std::vector<std::string> requests;
  bool refused = false;
};

Outcome read(std::string_view bytes, std::size_t piece) {
  static const Limits limits = small_limits();
  RequestReader reader(limits);
  Outcome outcome;
  bool begun = false;
  while (true) {
    require(reader.held().size() <= RequestReader::capacity(limits));
    switch (reader.step()) {
      case Step::kNeedsMore: {
        if (bytes.empty()) return outcome;
        const auto room = reader.room();
        require(room.size() == RequestReader::kReadBytes);
        const std::size_t count = std::min({bytes.size(), piece, room.size()});
        std::memcpy(room.data(), bytes.data(), count);
        reader.commit(count);
        bytes.remove_prefix(count);
        break;
      }
      case Step::kBegun:
        require(!std::exchange(begun, true));
        break;
      case Step::kHeader:
        require(begun && reader.is_reading());
        break;
      case Step::kComplete: {
        require(std::exchange(begun, false));
        const Request request = reader.take();
        reader.forget();
        require(request.body.size() <= limits.body_bytes && request.path.size() <= limits.header_bytes);
        std::string text = request.method_name + " " + request.path + "?" + request.raw_query + "\n";
        for (std::size_t i = 0; i < request.headers.size(); ++i)
          text.append(request.headers.at(i).first)
              .append(":")
              .append(request.headers.at(i).second)
              .append("\n");
        outcome.requests.push_back(text + request.body);
        break;
      }
      case Step::kRefused:
        require(reader.refusal().status >= 400 && !reader.refusal().code.empty());
        outcome.refused = true;
        return outcome;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(input, input.size());
  const Outcome pieces = read(input, data[0] % 64U + 1U);
  const std::size_t common = std::min(whole.requests.size(), pieces.requests.size());
  for (std::size_t i = 0; i < common; ++i) require(whole.requests[i] == pieces.requests[i]);
  if (whole.requests.size() > common) require(pieces.refused);
  if (pieces.requests.size() > common) require(whole.refused);
  return 0;
}
