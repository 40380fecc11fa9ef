// One TCP connection: feeds its bytes to the RTMP session and does what comes out. A publisher's media goes
// straight to its Publication; a player belongs to the group of its stream.
//
//   opening ──publish──> asking to publish ──accepted──> publishing ──ended──> opening
//      └─────play──────> asking to play ─────accepted──> playing ─────ended──> opening
//   any of them ──> closing (last bytes leave, the peer's are dropped) ──> gone
//
// Owner: its Shard; that thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "bitrate_window.hpp"
#include "net/poller.hpp"
#include "outbox.hpp"
#include "peer.hpp"
#include "publication.hpp"
#include "rtmp/server_session.hpp"
#include "shard.hpp"
#include "transport.hpp"

namespace millrace::ingest {

struct Player;
class PlayEnd;
enum class PlayFrom : std::uint8_t;

class Connection final : public net::PollClient {
 public:
  // Before publish or play is accepted; a peer that sends more gets a status and is closed. While a publish
  // waits for its answer this much of what came with it is kept, and no more is read.
  static constexpr std::uint64_t kMaxBytesBeforeAcceptance = 256U << 10;
  // The same of all connections together; whose would be more is refused.
  static constexpr std::uint64_t kMaxHeldBytes = 64U << 20;
  // Between two pings: a player has nothing to send but commands, answers and acknowledgements.
  static constexpr std::uint64_t kMaxPlayerBytes = 256U << 10;
  static constexpr std::int64_t kLingerUs = 2'000'000;

  // since_us: when it was accepted.
  Connection(Shard& shard, std::uint64_t id, Transport transport, Peer peer, std::int64_t since_us);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::uint64_t id() const { return id_; }
  int fd() const { return transport_.fd(); }
  const std::string& peer() const { return peer_.text; }

  void on_ready(bool readable, bool writable) override;
  void on_exception() override;
  // The shard's: what it was to do found no memory.
  void out_of_memory();
  void tick(std::int64_t now_us);
  // Asks the client to reconnect; false when it does not know that. It is served until it leaves or drain().
  bool ask_to_reconnect();
  void drain();
  // At once. Ends the publication with this reason; why: for the log.
  void close(media::LogEnd reason, std::string_view why);

  // Answers, posted from elsewhere.
  void publish_accepted(const LiveStreamPtr& stream);
  // Of the owned publication, at any time.
  void change_limits(const StreamLimits& limits);
  void publish_refused(std::uint64_t publication_id, const Error& error);
  bool owns(std::uint64_t publication_id) const;
  // why: for the publisher, instead of what the reason says.
  void terminate_publication(media::LogEnd reason, std::string_view why = {});
  void play_decided(std::uint32_t request, std::uint32_t message_stream_id,
                    const Result<PlayDecision>& decision, const std::shared_ptr<PlayEnd>& end);

  // Notifies players of new records, and adds them to what is reported on the bus; false when it is too early
  // for that.
  bool announce(std::int64_t now_us, std::int64_t interval_us, std::vector<NewRecords>& out);

  // For the player's group.
  Transport& transport() { return transport_; }
  Outbox& outbox() { return outbox_; }
  rtmp::ServerSession& session() { return session_; }
  void watch_writable(bool wanted);
  // The player gets a status and is closed.
  void end_play(std::string_view code, std::string_view description);

 private:
  enum class State : std::uint8_t {
    kOpening,
    kAskingPublish,
    kPublishing,
    kAskingPlay,
    kPlaying,
    kClosing,
    kGone
  };
  struct Publishing {
    std::uint32_t message_stream_id = 0;
    std::shared_ptr<PublicationTicket> ticket;
    LiveStreamPtr stream;
    std::unique_ptr<Publication> publication;  // once accepted
    BitrateWindow bitrate;
    StreamLimits limits;          // the stream's own, of now
    bool limits_changed = false;  // since it was admitted
    std::uint64_t announced = 0;  // records
    std::uint64_t woken = 0;      // records that players were notified of
    std::int64_t announced_us = 0;
    bool dirty = false;  // on the shard's list
  };

  bool is_name(std::string_view text) const {
    return is_valid_id(text) && text.size() <= shard_.shared().config.id_max_length;
  }
  ResolutionLimit resolution_limit() const;
  std::uint64_t bitrate_limit() const;
  bool enter_publishers();
  void refuse_room(const LiveStream& stream, const Error& error);
  bool within_bitrate(std::size_t bytes);
  void serve(bool readable, bool writable);
  void read();
  void read_later();
  bool take(ByteView bytes);
  bool parse(ByteView bytes);
  bool hold(ByteView bytes);
  void take_held();
  Bytes release_held();
  bool charge(std::size_t bytes);
  bool refuse_stranger(std::string_view what);
  void perform(rtmp::Action& action);
  void perform(const rtmp::SendBytes& action) { send(action.bytes); }
  void perform(rtmp::PublishRequested& action);
  void perform(rtmp::PlayRequested& action);
  void perform(const rtmp::MessageBegin& action);
  void perform(const rtmp::MessageBytes& action);
  void perform(const rtmp::MessageEnd& action);
  void perform(const rtmp::MessageAborted& action);
  void perform(const rtmp::PublishEnded& action);
  void perform(const rtmp::PlayEnded& action);
  void perform(const rtmp::PlayChanged& action);
  void perform(const rtmp::MediaDropped& action);
  void perform(const rtmp::PingAnswered&) {}
  void perform(const rtmp::Close& action);

  void enter(State state);
  // May close: a peer that does not read. A caller that goes on afterwards checks the state first.
  void send(ByteView bytes);
  void flush();
  void watch();
  void linger();
  void ask_to_publish(rtmp::PublishRequested& request);
  void refuse_publish(std::uint32_t message_stream_id, const Error& error);
  void fail_publication(const Error& error);
  void tell_refusals();
  Result<std::unique_ptr<Publication>> create_publication(const LiveStream& stream);
  void end_publication(media::LogEnd reason);
  void wake_players();
  void leave_group();
  void tick_publisher(std::int64_t now_us);
  void tick_player(std::int64_t now_us);

  Shard& shard_;
  std::uint64_t id_;
  Transport transport_;
  Peer peer_;
  rtmp::ServerSession session_;
  Outbox outbox_;
  Bytes held_;  // came with a publish that waits for its answer
  State state_ = State::kOpening;
  bool watching_writable_ = false;
  bool reading_ = true;
  bool asked_to_reconnect_ = false;
  std::int64_t now_us_;       // of what is being handled
  std::int64_t wall_us_ = 0;  // of the last read
  std::int64_t state_since_us_;
  std::int64_t last_read_us_;
  std::int64_t last_ping_us_;
  // Received before the present state, or since the last ping of a player.
  std::uint64_t free_from_bytes_ = 0;
  PlayFrom play_from_{};
  std::uint32_t play_request_ = 0;  // number of the newest: older ones' answers are void
  std::unique_ptr<Publishing> publishing_;
  std::unique_ptr<Player> player_;
};

}  // namespace millrace::ingest
