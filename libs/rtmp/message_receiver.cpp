#include "rtmp/message_receiver.hpp"

#include <algorithm>

#include "rtmp/control_messages.hpp"

namespace millrace::rtmp {

namespace {

bool is_media(MessageType type) {
  return type == MessageType::kAudio || type == MessageType::kVideo || type == MessageType::kData ||
         type == MessageType::kDataAmf3 || type == MessageType::kAggregate;
}

bool is_collected(MessageType type) {
  return type == MessageType::kCommand || type == MessageType::kCommandAmf3 ||
         (type >= MessageType::kSetChunkSize && type <= MessageType::kSetPeerBandwidth);
}

}  // namespace

void send(ByteView bytes, std::vector<Action>& out) {
  if (bytes.empty()) return;
  if (out.empty() || !std::holds_alternative<SendBytes>(out.back())) out.emplace_back(SendBytes{});
  Bytes& all = std::get<SendBytes>(out.back()).bytes;
  all.insert(all.end(), bytes.begin(), bytes.end());
}

void drop_open_messages(MessageState& state, std::uint32_t message_stream_id, std::vector<Action>* out) {
  for (Assembly& assembly : state.assemblies) {
    if (!holds_media(assembly) || assembly.header.message_stream_id != message_stream_id) continue;
    const bool begun = assembly.mode == Assembly::Mode::kForward || assembly.splitter.part_open();
    if (out != nullptr && begun) out->emplace_back(MessageAborted{assembly.header.chunk_stream_id});
    state.open_media_bytes -= assembly.header.size;
    assembly.mode = Assembly::Mode::kDiscard;
  }
}

void send_acknowledgements(MessageState& state, std::vector<Action>& out) {
  ByteWriter bytes;
  while (state.received - state.acknowledged >= state.acknowledgement_window) {
    state.acknowledged += state.acknowledgement_window;
    append_acknowledgement(static_cast<std::uint32_t>(state.acknowledged), bytes);
  }
  send(bytes.view(), out);
}

Result<void> MessageReceiver::message_begin(std::size_t slot, const MessageHeader& header) {
  if (slot >= state_.assemblies.size()) state_.assemblies.resize(slot + 1);
  Assembly& assembly = state_.assemblies[slot];
  assembly.header = header;
  assembly.mode = Assembly::Mode::kDiscard;
  if (is_media(header.type)) return begin_media(assembly);
  if (is_collected(header.type)) return begin_collecting(assembly);
  return {};
}

Result<void> MessageReceiver::begin_media(Assembly& assembly) {
  const MessageHeader& header = assembly.header;
  if (header.size > state_.limits.max_media_bytes)
    return fail("rtmp.message_size", "a media message is too large");
  const MessageStream* stream =
      state_.meant_stream(header.message_stream_id,
                          [this](const MessageStream& candidate) { return candidate.use == media_use_; });
  if (stream == nullptr) {
    if (header.type != MessageType::kData && header.type != MessageType::kDataAmf3) media_dropped(header);
    return {};
  }
  assembly.header.message_stream_id = stream->id;
  assembly.skip = header.type == MessageType::kDataAmf3 ? 1 : 0;
  if (header.size < assembly.skip) return {};
  if (header.size > state_.limits.max_open_media_bytes - state_.open_media_bytes) {
    return fail("rtmp.partial_bytes", "too much unfinished media");
  }
  state_.open_media_bytes += header.size;
  if (header.type == MessageType::kAggregate) {
    assembly.mode = Assembly::Mode::kSplit;
    assembly.splitter = AggregateSplitter(header);
    return {};
  }
  assembly.mode = Assembly::Mode::kForward;
  const MessageType type = assembly.skip != 0 ? MessageType::kData : header.type;
  out_.emplace_back(MessageBegin{header.chunk_stream_id, type, header.timestamp_ms,
                                 header.size - assembly.skip, header.message_stream_id});
  return {};
}

Result<void> MessageReceiver::begin_collecting(Assembly& assembly) {
  const std::uint32_t size = assembly.header.size;
  if (size > state_.limits.max_command_bytes) return fail("rtmp.message_size", "a command is too large");
  if (size > state_.limits.max_open_command_bytes - state_.open_command_bytes) {
    return fail("rtmp.partial_bytes", "too many unfinished commands");
  }
  state_.open_command_bytes += size;
  assembly.mode = Assembly::Mode::kCollect;
  assembly.body.clear();
  return {};
}

Result<void> MessageReceiver::message_bytes(std::size_t slot, ByteView bytes) {
  Assembly& assembly = state_.assemblies[slot];
  switch (assembly.mode) {
    case Assembly::Mode::kForward:
      forward(assembly, bytes);
      break;
    case Assembly::Mode::kCollect:
      assembly.body.insert(assembly.body.end(), bytes.begin(), bytes.end());
      break;
    case Assembly::Mode::kSplit:
      return assembly.splitter.feed(bytes, out_);
    case Assembly::Mode::kDiscard:
    case Assembly::Mode::kNone:
      break;
  }
  return {};
}

void MessageReceiver::forward(Assembly& assembly, ByteView bytes) {
  const std::size_t skipped = std::min<std::size_t>(assembly.skip, bytes.size());
  assembly.skip -= static_cast<std::uint8_t>(skipped);
  bytes = bytes.subspan(skipped);
  if (!bytes.empty()) out_.emplace_back(MessageBytes{assembly.header.chunk_stream_id, bytes});
}

Result<void> MessageReceiver::message_end(std::size_t slot) {
  Assembly& assembly = state_.assemblies[slot];
  const Assembly::Mode mode = assembly.mode;
  assembly.mode = Assembly::Mode::kNone;
  if (mode == Assembly::Mode::kForward) out_.emplace_back(MessageEnd{assembly.header.chunk_stream_id});
  if (mode == Assembly::Mode::kForward || mode == Assembly::Mode::kSplit) {
    state_.open_media_bytes -= assembly.header.size;
  }
  if (mode != Assembly::Mode::kCollect) return {};
  state_.open_command_bytes -= assembly.header.size;
  return handle_collected(assembly.header, assembly.body);
}

Result<void> MessageReceiver::handle_collected(const MessageHeader& header, ByteView body) {
  if (header.type != MessageType::kCommand && header.type != MessageType::kCommandAmf3) {
    return handle_control(header.type, body);
  }
  auto command = parse_command(header.type, body);
  if (!command) return tl::unexpected(std::move(command.error()));
  return handle_command(*command, header.message_stream_id);
}

// Truncated control messages are ignored, but for Set Chunk Size: what follows could not be read.
Result<void> MessageReceiver::handle_control(MessageType type, ByteView body) {
  const auto number = parse_control_number(body);
  switch (type) {
    case MessageType::kSetChunkSize:
      if (!number) return fail("rtmp.chunk_size", "a Set Chunk Size message is cut off");
      return state_.chunks.set_chunk_size(*number);
    case MessageType::kAbort:
      if (number) handle_abort(*number);
      return {};
    case MessageType::kUserControl:
      handle_user_control(body);
      return {};
    case MessageType::kWindowAcknowledgementSize:
      if (number && *number != 0) {
        state_.acknowledgement_window = std::max(*number, state_.limits.min_acknowledgement_window);
      }
      return {};
    default:
      return {};  // Acknowledgement, Set Peer Bandwidth: nothing of ours depends on them
  }
}

void MessageReceiver::handle_user_control(ByteView body) {
  const auto message = parse_user_control(body);
  if (!message) return;
  if (message->event == UserControlEvent::kPingResponse) out_.emplace_back(PingAnswered{message->value});
  if (message->event != UserControlEvent::kPingRequest) return;
  ByteWriter reply;
  append_user_control({UserControlEvent::kPingResponse, message->value}, reply);
  send(reply.view(), out_);
}

void MessageReceiver::handle_abort(std::uint32_t chunk_stream_id) {
  const int slot = state_.chunks.abort(chunk_stream_id);
  if (slot < 0) return;
  Assembly& assembly = state_.assemblies[static_cast<std::size_t>(slot)];
  const bool begun = assembly.mode == Assembly::Mode::kForward ||
                     (assembly.mode == Assembly::Mode::kSplit && assembly.splitter.part_open());
  if (begun) out_.emplace_back(MessageAborted{chunk_stream_id});
  if (holds_media(assembly)) state_.open_media_bytes -= assembly.header.size;
  if (assembly.mode == Assembly::Mode::kCollect) state_.open_command_bytes -= assembly.header.size;
  assembly.mode = Assembly::Mode::kNone;
}

}  // namespace millrace::rtmp
