// A header read whole and in pieces (the first byte says how large) gives the same, and takes no byte too
// many.
#include <cstdlib>

#include "net/proxy_header.hpp"

namespace {

using namespace millrace;

struct Outcome {
  bool failed = false;
  bool done = false;
  std::size_t taken = 0;
  std::string source;
  std::uint16_t port = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome read(ByteView bytes, std::size_t piece) {
  net::ProxyHeaderReader reader;
  Outcome outcome;
  while (!reader.done() && outcome.taken < bytes.size()) {
    const ByteView rest = bytes.subspan(outcome.taken);
    const auto taken = reader.receive(rest.first(std::min(piece, rest.size())));
    if (!taken) return {.failed = true};
    if (*taken > rest.size() || *taken == 0) std::abort();
    outcome.taken += *taken;
  }
  outcome.done = reader.done();
  if (outcome.done && reader.header().source) outcome.source = reader.header().source->text();
  outcome.port = reader.header().source_port;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView bytes(data + 1, size - 1);
  if (read(bytes, bytes.size()) != read(bytes, 1U + data[0])) std::abort();
  const auto list = net::IpNetworks::parse(as_text(bytes));
  if (list && !list->empty()) (void)list->contains(*net::IpAddress::parse("203.0.113.9"));
  return 0;
}
