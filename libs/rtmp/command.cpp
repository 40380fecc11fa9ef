#include "rtmp/command.hpp"

#include "rtmp/chunk_writer.hpp"
#include "rtmp/limits.hpp"

namespace millrace::rtmp {

Result<Command> parse_command(MessageType type, ByteView body) {
  if (type == MessageType::kCommandAmf3 && !body.empty() && body.front() == 0) body = body.subspan(1);
  auto values = amf0::parse(body);
  if (!values) return tl::unexpected(std::move(values.error()));
  if (values->empty() || values->front().as<std::string>() == nullptr) {
    return fail("rtmp.command", "a command without a name");
  }
  Command command;
  command.name = *values->front().as<std::string>();
  const double* transaction = values->size() > 1 ? (*values)[1].as<double>() : nullptr;
  if (transaction != nullptr) command.transaction = *transaction;
  const std::ptrdiff_t first = transaction != nullptr ? 2 : 1;
  command.arguments.assign(std::make_move_iterator(values->begin() + first),
                           std::make_move_iterator(values->end()));
  return command;
}

void append_command(std::uint32_t message_stream_id, std::string_view name, double transaction,
                    std::initializer_list<amf0::Value> arguments, std::uint32_t chunk_size, ByteWriter& out) {
  ByteWriter body;
  amf0::serialize(name, body);
  amf0::serialize(transaction, body);
  for (const amf0::Value& argument : arguments) amf0::serialize(argument, body);
  const std::uint32_t chunk_stream = message_stream_id == 0 ? kCommandChunkStream : kDataChunkStream;
  append_message({chunk_stream, MessageType::kCommand, 0, 0, message_stream_id}, body.view(), chunk_size,
                 out);
}

}  // namespace millrace::rtmp
