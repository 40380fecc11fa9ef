#include "containers/mp4/edit_list.hpp"

#include <algorithm>

#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint32_t kNormalRate = 0x00010000;

}  // namespace

void write_edit_list(ByteWriter& writer, const Edit& edit) {
  const std::uint8_t version = version_for(std::max({edit.delay, edit.duration, edit.media_time << 1}));
  const Box edts(writer, "edts");
  const Box elst(writer, "elst", version, 0);
  writer.u32(edit.delay > 0 ? 2 : 1);
  if (edit.delay > 0) {
    write_time(writer, version, edit.delay);
    write_time(writer, version, ~std::uint64_t{0});  // -1: nothing of the media
    writer.u32(kNormalRate);
  }
  write_time(writer, version, edit.duration);
  write_time(writer, version, edit.media_time);
  writer.u32(kNormalRate);
}

}  // namespace millrace::mp4
