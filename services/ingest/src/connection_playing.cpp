#include <sys/socket.h>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "connection.hpp"
#include "player_group.hpp"

namespace millrace::ingest {

namespace {

constexpr int kPlayerSendBuffer = 512 << 10;
// As the Go server says it to a client that is not on the list.
constexpr std::string_view kPlayBadName = "NetStream.Play.BadName";

}  // namespace

void Connection::perform(rtmp::PlayRequested& request) {
  if (state_ != State::kOpening) {
    send(session_.reject_play(request.message_stream_id, rtmp::status::kPlayFailed,
                              "One stream per connection."));
    return;
  }
  const net::IpNetworks& whitelist = shard_.shared().config.play_whitelist;
  if (!whitelist.empty() && !whitelist.contains(peer_.address)) {
    shard_.shared().counters.play_refused.fetch_add(1, std::memory_order_relaxed);
    send(session_.reject_play(request.message_stream_id, kPlayBadName,
                              "Playing is not allowed from this address."));
    return linger();
  }
  enter(State::kAskingPlay);
  ++play_request_;
  play_from_ = play_from(request.query);
  if (!is_name(request.app) || !is_name(request.name)) {
    return play_decided(play_request_, request.message_stream_id, PlayDecision{}, nullptr);
  }
  Shard& shard = shard_;
  const std::uint64_t id = id_;
  const std::uint64_t play_id = random_u64() | 1;
  const std::uint32_t message_stream_id = request.message_stream_id;
  shard_.shared().authority.may_play(
      {std::move(request.app), std::move(request.name), peer_.text, std::move(request.query), play_id,
       std::move(request.tc_url), std::move(request.flash_version)},
      [&shard, id, play_id, request_number = play_request_,
       message_stream_id](Result<PlayDecision> decision) {
        auto end = decision && decision->allowed && decision->report_end
                       ? std::make_shared<PlayEnd>(shard.shared().announcer, decision->stream_id, play_id)
                       : nullptr;
        shard.post_to(id, [request_number, message_stream_id, end = std::move(end),
                           decision = std::move(decision)](Connection& connection) {
          connection.play_decided(request_number, message_stream_id, decision, end);
        });
      });
}

void Connection::play_decided(std::uint32_t request, std::uint32_t message_stream_id,
                              const Result<PlayDecision>& decision, const std::shared_ptr<PlayEnd>& end) {
  if (state_ != State::kAskingPlay || request != play_request_) return;
  now_us_ = monotonic_us();
  if (!decision || !decision->allowed || !is_valid_id(decision->stream_id)) {
    shard_.shared().counters.play_refused.fetch_add(1, std::memory_order_relaxed);
    send(decision ? session_.reject_play(message_stream_id, rtmp::status::kPlayStreamNotFound,
                                         "There is no such stream.")
                  : session_.reject_play(message_stream_id, rtmp::status::kPlayFailed,
                                         "Nobody can decide at the moment: try again."));
    return linger();
  }
  (void)::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &kPlayerSendBuffer, sizeof kPlayerSendBuffer);
  send(session_.accept_play(message_stream_id));
  if (state_ == State::kGone) return;  // no room for the answer
  enter(State::kPlaying);
  last_ping_us_ = now_us_;
  shard_.shared().counters.players.fetch_add(1, std::memory_order_relaxed);
  log::debug("play accepted", {{"stream", decision->stream_id}, {"peer", peer_.text}, {"connection", id_}});
  const std::uint32_t chunk_size = session_.send_chunk_size();
  player_ = std::make_unique<Player>(*this, message_stream_id, play_from_,
                                     chunk_size == rtmp::kPlayerChunkSize ? 0 : chunk_size, now_us_);
  player_->tag = decision->play_tag;
  player_->end = end;
  const rtmp::PlayWishes wishes = session_.wishes(message_stream_id);
  player_->paused = wishes.paused;
  player_->place.filter.set(wishes);
  // The answer, the configurations and the first frames leave together where there is something to play.
  shard_.group(decision->stream_id).add(*player_);
  flush();
}

void Connection::perform(const rtmp::PlayChanged& action) {
  if (player_ && player_->message_stream_id == action.message_stream_id)
    player_->group->change(*player_, action.wishes);
}

void Connection::perform(const rtmp::PlayEnded&) {
  if (state_ == State::kPlaying && player_->in_message())
    return close(media::LogEnd::kDisconnected, "stopped");
  leave_group();
  enter(State::kOpening);
}

void Connection::leave_group() {
  if (!player_) return;
  shard_.shared().counters.players.fetch_sub(1, std::memory_order_relaxed);
  if (player_->group != nullptr) player_->group->remove(*player_);
  player_.reset();
}

void Connection::end_play(std::string_view code, std::string_view description) {
  if (!player_) return;
  if (player_->in_message()) return close(media::LogEnd::kDisconnected, "too slow for a status");
  send(session_.end_play(player_->message_stream_id, code, description));
  linger();
}

}  // namespace millrace::ingest
