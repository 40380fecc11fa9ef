#include "containers/mp4/event_message.hpp"

#include "containers/mp4/box_writer.hpp"

namespace millrace::mp4 {
namespace {

void write_text(ByteWriter& writer, std::string_view text) {
  writer.text(text);
  writer.u8(0);
}

std::optional<std::string> read_text(ByteReader& reader) {
  const std::string_view rest = as_text(reader.rest());
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(rest.substr(0, end));
  reader.skip(end + 1);
  return text;
}

}  // namespace

void write_event_message(ByteWriter& writer, const EventMessage& event) {
  const Box emsg(writer, "emsg", 1, 0);
  writer.u32(event.timescale);
  writer.u64(event.presentation_time);
  writer.u32(event.duration);
  writer.u32(event.id);
  write_text(writer, event.scheme);
  write_text(writer, event.value);
  writer.append(event.message);
}

std::optional<EventMessage> read_event_message(ByteView payload) {
  ByteReader reader(payload);
  if (reader.u8() != 1) return std::nullopt;
  reader.skip(3);
  EventMessage event;
  event.timescale = reader.u32();
  event.presentation_time = reader.u64();
  event.duration = reader.u32();
  event.id = reader.u32();
  const auto scheme = read_text(reader);
  const auto value = scheme ? read_text(reader) : std::nullopt;
  if (!value || !reader.ok()) return std::nullopt;
  event.scheme = *scheme;
  event.value = *value;
  event.message.assign(reader.rest().begin(), reader.rest().end());
  return event;
}

}  // namespace millrace::mp4
