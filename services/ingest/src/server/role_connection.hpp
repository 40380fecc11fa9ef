// The connection as its role sees it: what a publisher or a player needs of the one that it came over.
//
// Owner: the shard; its thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "media/log.hpp"
#include "net/ip_network.hpp"
#include "rtmp/server_session.hpp"
#include "server/outbox.hpp"

namespace millrace::ingest {

class RoleConnection {
 public:
  // Before publish or play is accepted; a peer that sends more gets a status and is closed. While a publish
  // waits for its answer this much of what came with it is kept, and no more is read.
  static constexpr std::uint64_t kMaxBytesBeforeAcceptance = 256U << 10;

  virtual ~RoleConnection() = default;

  virtual std::uint64_t id() const = 0;
  // The peer's address; as text for logs and questions.
  virtual const net::IpAddress& address() const = 0;
  virtual const std::string& peer() const = 0;
  // Monotonic, of what is being handled.
  virtual std::int64_t now_us() const = 0;
  // Whether one more line about a bad peer fits into this second.
  virtual bool may_log() = 0;
  virtual rtmp::ServerSession& session() = 0;
  virtual Outbox& outbox() = 0;
  virtual void set_send_buffer(int bytes) = 0;

  // Waits in the outbox for flush(). May close: a peer that does not read. Then it is false, and the role is
  // over.
  virtual bool send(ByteView bytes) = 0;
  virtual void flush() = 0;
  // Whether the peer's bytes are received; TCP holds them otherwise.
  virtual void watch_readable(bool wanted) = 0;
  // Wakes up when the socket takes more.
  virtual void watch_writable(bool wanted) = 0;
  // The last bytes leave, then it is closed. The role is over.
  virtual void linger() = 0;
  // At once. The role is over; a publication ends with this reason. why: for the log.
  virtual void close(media::LogEnd reason, std::string_view why) = 0;
  // An exception came out of work for the role.
  virtual void on_exception() = 0;
};

}  // namespace millrace::ingest
