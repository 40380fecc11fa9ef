// Any bytes are a piece of a log or none; one that is read is written, and read as the same again.
#include <cstdlib>

#include "media/recorded_log.hpp"

using namespace millrace;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto piece = media::read_recorded_piece(ByteView(data, size));
  if (!piece) return 0;
  if (media::places_in_file(piece->samples).size() != piece->samples.size()) std::abort();
  const Bytes box = media::write_recorded_piece(*piece);
  if (box.empty()) return 0;
  const auto again = media::read_recorded_piece(ByteView(box).subspan(8));
  if (!again || again->samples.size() != piece->samples.size()) std::abort();
  if (media::write_recorded_piece(*again) != box) std::abort();
  return 0;
}
