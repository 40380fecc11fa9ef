// One TCP connection: feeds its bytes to the RTMP session and does what comes out. What a peer publishes or
// plays is its role, at most one at a time.
//
//   open: no role <──> publish or play role
//     └──> closing (last bytes leave, the peer's are dropped) ──> gone
//
// Owner: its Shard; that thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/wall_time.hpp"
#include "net/poller.hpp"
#include "play/play_role.hpp"
#include "publish/publish_role.hpp"
#include "rtmp/server_session.hpp"
#include "server/outbox.hpp"
#include "server/peer.hpp"
#include "server/role_connection.hpp"
#include "server/shard.hpp"
#include "server/transport.hpp"

namespace millrace::ingest {

class Connection final : public net::PollClient, public RoleConnection {
 public:
  static constexpr std::int64_t kLingerUs = 2'000'000;

  // since_us: when it was accepted.
  Connection(Shard& shard, std::uint64_t id, Transport transport, Peer peer, std::int64_t since_us);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return transport_.fd(); }
  // Null: it publishes nothing; the role may be over.
  PublishRole* publisher() { return std::get_if<PublishRole>(&role_); }

  void on_ready(bool readable, bool writable) override;
  void on_exception() override;
  // The shard's: what it was to do found no memory.
  void out_of_memory();
  void tick(std::int64_t now_us);
  // Asks the client to reconnect; false when it does not know that. It is served until it leaves or drain().
  bool ask_to_reconnect();
  void drain();

  // For its role.
  std::uint64_t id() const override { return id_; }
  const net::IpAddress& address() const override { return peer_.address; }
  const std::string& peer() const override { return peer_.text; }
  std::int64_t now_us() const override { return now_us_; }
  bool may_log() override { return shard_.may_log(now_us_); }
  rtmp::ServerSession& session() override { return session_; }
  Outbox& outbox() override { return outbox_; }
  void set_send_buffer(int bytes) override { transport_.set_send_buffer(bytes); }
  bool send(ByteView bytes) override;
  void flush() override;
  void watch_readable(bool wanted) override;
  void watch_writable(bool wanted) override;
  void linger() override;
  void close(media::LogEnd reason, std::string_view why) override;

 private:
  enum class State : std::uint8_t { kOpen, kClosing, kGone };

  PlayRole* player() { return std::get_if<PlayRole>(&role_); }
  bool has_role() const;
  void enter(State state);
  void watch();
  void end_role(media::LogEnd reason);
  // What was posted for the role.
  void run(const std::function<void(PublishRole&)>& work);
  void run(const std::function<void(PlayRole&)>& work);
  template <class Role>
  std::function<void(std::function<void(Role&)>)> role_post();

  void cannot_send(int error);
  void serve(bool readable, bool writable);
  void read();
  void read_later();
  bool take(ByteView bytes);
  bool parse(ByteView bytes);
  bool charge(std::size_t bytes);
  bool within_allowance();
  bool refuse_protocol(std::string_view what);
  bool refuse_excess();

  void perform(const rtmp::SendBytes& action) { send(action.bytes); }
  void perform(rtmp::PublishRequested& action);
  void perform(rtmp::PlayRequested& action);
  void perform(const rtmp::MessageBegin& action) {
    if (PublishRole* role = publisher()) role->begin(action);
  }
  void perform(const rtmp::MessageBytes& action) {
    if (PublishRole* role = publisher()) role->append(action);
  }
  void perform(const rtmp::MessageEnd& action) {
    if (PublishRole* role = publisher()) role->end(action, {now_us_, wall_});
  }
  void perform(const rtmp::MessageAborted& action) {
    if (PublishRole* role = publisher()) role->abort(action);
  }
  void perform(const rtmp::PublishEnded& action);
  void perform(const rtmp::PlayEnded& action);
  void perform(const rtmp::PlayChanged& action) {
    if (PlayRole* role = player()) role->change(action);
  }
  void perform(const rtmp::MediaDropped& action);
  void perform(const rtmp::PingAnswered&) {}
  void perform(const rtmp::Close& action);

  Shard& shard_;
  std::uint64_t id_;
  Transport transport_;
  Peer peer_;
  rtmp::ServerSession session_;
  Outbox outbox_{transport_};
  State state_ = State::kOpen;
  bool watching_readable_ = true;
  bool watching_writable_ = false;
  bool takes_nothing_ = false;  // the peer has left, and its last bytes have not been read
  bool asked_to_reconnect_ = false;
  std::int64_t now_us_;          // of what is being handled
  WallTime wall_;                // of the last read
  std::int64_t state_since_us_;  // or without a role
  std::int64_t last_read_us_;
  std::uint64_t counted_from_bytes_ = 0;  // received before it had no role
  std::variant<std::monostate, PublishRole, PlayRole> role_;
};

}  // namespace millrace::ingest
