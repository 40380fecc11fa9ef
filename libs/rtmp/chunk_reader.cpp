#include "rtmp/chunk_reader.hpp"

#include <algorithm>
#include <string>

namespace millrace::rtmp {

namespace {

constexpr std::uint32_t kExtendedMark = 0xFFFFFF;

// How many of the four bytes of an extended timestamp stand at the front of bytes, as far as bytes go.
// -1: they are something else.
int match_timestamp(ByteView bytes, std::uint32_t timestamp) {
  const std::size_t count = std::min<std::size_t>(bytes.size(), 4);
  for (std::size_t i = 0; i < count; ++i) {
    if (bytes[i] != static_cast<std::uint8_t>(timestamp >> (24 - 8 * i))) return -1;
  }
  return static_cast<int>(count);
}

}  // namespace

Result<void> ChunkReader::receive(ByteView& bytes, const SessionLimits& limits, ChunkSink& sink) {
  kept_ = pending_;
  ByteView kept(kept_.data(), pending_size_);
  pending_size_ = 0;
  while (!kept.empty()) {
    if (!sink.wants_more()) {
      keep(kept);
      return {};
    }
    auto joined = join_kept(kept, bytes, limits, sink);
    if (!joined) return tl::unexpected(std::move(joined.error()));
    if (!*joined) return {};
  }
  while (!bytes.empty() && sink.wants_more()) {
    if (chunk_left_ != 0) {
      if (auto read = read_payload(bytes, sink); !read) return read;
      continue;
    }
    const Header header = parse_header(bytes);
    if (header.bytes == 0) {
      keep(bytes);
      bytes = {};
      return {};
    }
    bytes = bytes.subspan(header.bytes);
    if (auto begun = begin_chunk(header, limits, sink); !begun) return begun;
  }
  return {};
}

Result<bool> ChunkReader::join_kept(ByteView& kept, ByteView& bytes, const SessionLimits& limits,
                                    ChunkSink& sink) {
  if (chunk_left_ != 0) {
    auto read = read_payload(kept, sink);
    if (!read) return tl::unexpected(std::move(read.error()));
    return true;
  }
  std::array<std::uint8_t, kMaxHeaderSize> joined;
  const std::size_t added = std::min(bytes.size(), kMaxHeaderSize - kept.size());
  std::copy(kept.begin(), kept.end(), joined.begin());
  std::copy_n(bytes.begin(), added, joined.begin() + static_cast<std::ptrdiff_t>(kept.size()));
  const ByteView both(joined.data(), kept.size() + added);
  const Header header = parse_header(both);
  if (header.bytes == 0) {
    keep(both);
    bytes = {};
    return false;
  }
  const std::size_t from_kept = std::min(header.bytes, kept.size());
  kept = kept.subspan(from_kept);
  bytes = bytes.subspan(header.bytes - from_kept);
  auto begun = begin_chunk(header, limits, sink);
  if (!begun) return tl::unexpected(std::move(begun.error()));
  return true;
}

void ChunkReader::keep(ByteView bytes) {
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
  pending_size_ = static_cast<std::uint8_t>(bytes.size());
}

Result<void> ChunkReader::read_payload(ByteView& bytes, ChunkSink& sink) {
  const ByteView part = bytes.first(std::min<std::size_t>(bytes.size(), chunk_left_));
  bytes = bytes.subspan(part.size());
  chunk_left_ -= static_cast<std::uint32_t>(part.size());
  Stream& stream = streams_[current_];
  stream.left -= static_cast<std::uint32_t>(part.size());
  const bool ended = stream.left == 0;
  auto taken = sink.message_bytes(current_, part);
  return taken && ended ? sink.message_end(current_) : taken;
}

// 5.3.1.1: one to three bytes give the header's format and the chunk stream id. bytes is not empty.
ChunkReader::Header ChunkReader::parse_header(ByteView bytes) const {
  ByteReader reader(bytes);
  const std::uint8_t first = reader.u8();
  Header header;
  header.format = first >> 6;
  header.chunk_stream_id = first & 0x3F;
  if (header.chunk_stream_id < 2) {
    const bool three_bytes = header.chunk_stream_id == 1;
    header.chunk_stream_id = 64U + reader.u8();
    if (three_bytes) header.chunk_stream_id += 256U * reader.u8();
  }
  if (!reader.ok()) return header;
  if (header.format != 3) return parse_fields(header, reader, bytes.size());
  header.bytes = bytes.size() - reader.remaining();
  const Stream* stream = find(header.chunk_stream_id);
  return stream != nullptr && stream->extended ? parse_type_three(header, reader.rest(), *stream) : header;
}

// 5.3.1.2.1 to 5.3.1.2.3 and 5.3.1.3.
ChunkReader::Header ChunkReader::parse_fields(Header header, ByteReader reader, std::size_t total) {
  header.timestamp = reader.u24();
  if (header.format <= 1) {
    header.size = reader.u24();
    header.type = reader.u8();
  }
  if (header.format == 0) header.message_stream_id = reader.u32_le();
  header.extended = header.timestamp == kExtendedMark;
  if (header.extended) header.timestamp = reader.u32();
  if (reader.ok()) header.bytes = total - reader.remaining();
  return header;
}

ChunkReader::Header ChunkReader::parse_type_three(Header header, ByteView rest, const Stream& stream) {
  const int step = match_timestamp(rest, stream.timestamp_step);
  const int absolute = match_timestamp(rest, stream.timestamp);
  if (step == 4 || absolute == 4) {
    header.bytes += 4;
  } else if (step >= 0 || absolute >= 0) {
    header.bytes = 0;  // not known yet
  }
  return header;
}

const ChunkReader::Stream* ChunkReader::find(std::uint32_t id) const {
  if (current_ < streams_.size() && streams_[current_].id == id) return &streams_[current_];
  for (const Stream& stream : streams_) {
    if (stream.id == id) return &stream;
  }
  return nullptr;
}

// Makes the chunk's stream the current one.
Result<void> ChunkReader::select(const Header& header, const SessionLimits& limits) {
  if (const Stream* stream = find(header.chunk_stream_id); stream != nullptr) {
    current_ = static_cast<std::size_t>(stream - streams_.data());
    return {};
  }
  if (header.format > 1) return fail("rtmp.chunk_context", "a chunk refers to a header that never came");
  if (streams_.size() >= limits.max_chunk_streams)
    return fail("rtmp.chunk_streams", "too many chunk streams");
  Stream stream;
  stream.id = header.chunk_stream_id;
  streams_.push_back(stream);
  current_ = streams_.size() - 1;
  return {};
}

bool ChunkReader::spend(std::size_t brought, const SessionLimits& limits) {
  const std::size_t credit = std::min<std::size_t>(limits.max_work_credit, credit_ + brought);
  if (credit < limits.chunk_cost_bytes) return false;
  credit_ = static_cast<std::uint32_t>(credit - limits.chunk_cost_bytes);
  return true;
}

Result<void> ChunkReader::begin_chunk(const Header& header, const SessionLimits& limits, ChunkSink& sink) {
  if (auto selected = select(header, limits); !selected) return selected;
  const Stream& stream = streams_[current_];
  if (stream.left != 0) {
    const bool same_size = header.format > 1 || (header.size == stream.size && header.type == stream.type);
    const bool same_stream = header.format != 0 || header.message_stream_id == stream.message_stream_id;
    if (!same_size || !same_stream)
      return fail("rtmp.message_changed", "a message's header changed in its middle");
  } else if (auto begun = begin_message(header, sink); !begun) {
    return begun;
  }
  chunk_left_ = std::min(streams_[current_].left, chunk_size_);
  if (!spend(header.bytes + chunk_left_, limits)) return fail("rtmp.work", "too many chunks for their bytes");
  return {};
}

Result<void> ChunkReader::begin_message(const Header& header, ChunkSink& sink) {
  Stream& stream = streams_[current_];
  if (header.format <= 1) {
    stream.size = header.size;
    stream.type = header.type;
  }
  if (header.format == 0) stream.message_stream_id = header.message_stream_id;
  if (header.format != 3) {
    stream.timestamp_step = header.timestamp;
    stream.extended = header.extended;
  }
  stream.timestamp = header.format == 0 ? header.timestamp : stream.timestamp + stream.timestamp_step;
  stream.left = stream.size;
  const bool empty = stream.size == 0;
  const MessageHeader message{stream.id, static_cast<MessageType>(stream.type), stream.timestamp, stream.size,
                              stream.message_stream_id};
  auto begun = sink.message_begin(current_, message);
  return begun && empty ? sink.message_end(current_) : begun;
}

Result<void> ChunkReader::set_chunk_size(std::uint32_t size) {
  if (size == 0 || size > 0x7FFFFFFF) return fail("rtmp.chunk_size", "chunk size " + std::to_string(size));
  chunk_size_ = std::min(size, kMaxChunkSize);
  return {};
}

int ChunkReader::abort(std::uint32_t chunk_stream_id) {
  for (std::size_t slot = 0; slot < streams_.size(); ++slot) {
    if (streams_[slot].id != chunk_stream_id || streams_[slot].left == 0) continue;
    streams_[slot].left = 0;
    return static_cast<int>(slot);
  }
  return -1;
}

void ChunkReader::save(ByteWriter& out) const {
  out.u32(chunk_size_);
  out.u32(credit_);
  out.u32(chunk_left_);
  out.u16(static_cast<std::uint16_t>(current_));
  out.u8(pending_size_);
  out.append(ByteView(pending_.data(), pending_size_));
  out.u16(static_cast<std::uint16_t>(streams_.size()));
  for (const Stream& stream : streams_) {
    out.u32(stream.id);
    out.u32(stream.timestamp);
    out.u32(stream.timestamp_step);
    out.u32(stream.size);
    out.u32(stream.message_stream_id);
    out.u32(stream.left);
    out.u8(stream.type);
    out.u8(stream.extended ? 1 : 0);
  }
}

bool ChunkReader::restore(ByteReader& reader, const SessionLimits& limits) {
  chunk_size_ = reader.u32();
  credit_ = reader.u32();
  chunk_left_ = reader.u32();
  current_ = reader.u16();
  const ByteView pending = reader.take(reader.u8());
  const std::size_t count = reader.u16();
  if (!reader.ok() || pending.size() >= kMaxHeaderSize || count > limits.max_chunk_streams) return false;
  keep(pending);
  streams_.clear();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    Stream stream;
    stream.id = reader.u32();
    stream.timestamp = reader.u32();
    stream.timestamp_step = reader.u32();
    stream.size = reader.u32();
    stream.message_stream_id = reader.u32();
    stream.left = reader.u32();
    stream.type = reader.u8();
    stream.extended = reader.u8() != 0;
    if (stream.left > stream.size || stream.size > kMaxChunkSize) return false;
    streams_.push_back(stream);
  }
  const std::uint32_t open = current_ < streams_.size() ? streams_[current_].left : 0;
  return reader.ok() && chunk_size_ != 0 && chunk_size_ <= kMaxChunkSize && chunk_left_ <= open;
}

}  // namespace millrace::rtmp
