// Everything a session knows: plain data, saved and restored field by field. Private to the sessions' files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "rtmp/aggregate_splitter.hpp"
#include "rtmp/capabilities.hpp"
#include "rtmp/chunk_reader.hpp"
#include "rtmp/handshake.hpp"
#include "rtmp/limits.hpp"
#include "rtmp/message.hpp"
#include "rtmp/play_wishes.hpp"

namespace millrace::rtmp {

// A message stream between createStream and deleteStream.
struct MessageStream {
  enum class Use : std::uint8_t {
    kIdle,
    kPublishRequested,
    kPublishing,
    kPlayRequested,
    kPlaying,
  };
  std::uint32_t id = 0;
  Use use = Use::kIdle;
  std::string name;  // of what is published or played, without query: FCUnpublish names it
  PlayWishes wishes{};
};

// What becomes of the open message of one chunk stream.
struct Assembly {
  enum class Mode : std::uint8_t {
    kNone,     // no message is open
    kDiscard,  // media that nobody asked for, types we don't know
    kForward,  // media: passed on as it comes
    kSplit,    // an aggregate: its parts are passed on
    kCollect,  // a command or control message: kept in body until it is whole
  };
  Mode mode = Mode::kNone;
  std::uint8_t skip = 0;  // kForward: leading bytes to leave out (AMF3 data)
  MessageHeader header;
  Bytes body;
  AggregateSplitter splitter;
};
bool holds_media(const Assembly& assembly);

// What the message layer of either side knows (message_receiver.hpp).
struct MessageState {
  explicit MessageState(const SessionLimits& session_limits)
      : limits(session_limits),
        chunks(session_limits),
        acknowledgement_window(session_limits.default_acknowledgement_window),
        send_chunk_size(session_limits.send_chunk_size) {}

  SessionLimits limits;  // given again at restore
  ChunkReader chunks;
  std::vector<Assembly> assemblies;  // by the chunk reader's slot
  std::vector<MessageStream> streams;

  std::uint64_t received = 0;      // bytes, handshake included
  std::uint64_t acknowledged = 0;  // of these, by the last Acknowledgement
  std::uint32_t acknowledgement_window;
  std::uint32_t send_chunk_size;         // announced with the answer to connect
  std::uint32_t open_media_bytes = 0;    // announced sizes of the messages in kForward and kSplit
  std::uint32_t open_command_bytes = 0;  // of those in kCollect

  // The stream, or null. The pointer holds until a stream is created or deleted.
  MessageStream* find_stream(std::uint32_t id);
  // The one that a peer means: of that id, or by message stream 0, as some say it, the only one that fits.
  // Null when it does not fit.
  template <class Fits>
  MessageStream* meant_stream(std::uint32_t id, Fits fits) {
    if (id != 0) {
      MessageStream* const stream = find_stream(id);
      return stream != nullptr && fits(*stream) ? stream : nullptr;
    }
    MessageStream* only = nullptr;
    for (MessageStream& stream : streams) {
      if (!fits(stream)) continue;
      if (only != nullptr) return nullptr;
      only = &stream;
    }
    return only;
  }
  void save_messages(ByteWriter& out) const;
  bool restore_messages(ByteReader& reader);
};

struct SessionState : MessageState {
  SessionState(const SessionLimits& session_limits, std::uint64_t seed)
      : MessageState(session_limits), handshake(seed) {}

  ServerHandshake handshake;
  bool connected = false;
  bool closed = false;
  bool told_of_dropped_media = false;
  std::string app;
  std::string app_query;
  std::string tc_url;
  std::string flash_version;
  PeerCapabilities capabilities;

  // A publish waits for its answer.
  bool publish_waits() const;
  void save(ByteWriter& out) const;
  bool restore(ByteReader& reader);
};

// Texts of at most 65535 bytes.
void save_text(const std::string& text, ByteWriter& out);
std::string restore_text(ByteReader& reader);

}  // namespace millrace::rtmp
