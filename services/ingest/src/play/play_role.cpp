#include "play/play_role.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"

namespace millrace::ingest {

namespace {

constexpr int kPlayerSendBuffer = 512 << 10;
// As the Go server says it to a client that is not on the list.
constexpr std::string_view kPlayBadName = "NetStream.Play.BadName";

std::uint64_t add(std::atomic<std::uint64_t>& counter) {
  return counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

PlayRole::PlayRole(RoleConnection& connection, const PlayContext& context)
    : connection_(connection), session_(connection.session()), context_(context) {}

PlayRole::~PlayRole() = default;

void PlayRole::enter(Phase phase) {
  state_.phase = phase;
  state_.since_us = connection_.now_us();
  state_.counted_from_bytes = session_.received_bytes();
}

// --- asking ---

void PlayRole::ask(rtmp::PlayRequested& request, const Post& post) {
  state_.message_stream_id = request.message_stream_id;
  const net::IpNetworks& whitelist = context_.config.play_whitelist;
  if (!whitelist.empty() && !whitelist.contains(connection_.address()))
    return refuse(kPlayBadName, "Playing is not allowed from this address.");
  enter(Phase::kAsking);
  state_.play_id = random_u64() | 1;
  state_.from = play_from(request.query);
  if (!context_.config.is_name(request.app) || !context_.config.is_name(request.name))
    return decide(state_.play_id, PlayDecision{}, nullptr);
  context_.authority.may_play(
      {std::move(request.app), std::move(request.name), connection_.peer(), std::move(request.query),
       state_.play_id, std::move(request.tc_url), std::move(request.flash_version)},
      [post, id = state_.play_id, &announcer = context_.announcer](Result<PlayDecision> decision) {
        auto end = decision && decision->allowed && decision->report_end
                       ? std::make_shared<PlayEnd>(announcer, decision->stream_id, id)
                       : nullptr;
        post([id, end = std::move(end), decision = std::move(decision)](PlayRole& role) {
          role.decide(id, decision, end);
        });
      });
}

void PlayRole::refuse(std::string_view code, std::string_view description) {
  add(context_.counters.play_refused);
  connection_.send(session_.reject_play(state_.message_stream_id, code, description));
  connection_.linger();
}

void PlayRole::decide(std::uint64_t play_id, const Result<PlayDecision>& decision,
                      const std::shared_ptr<PlayEnd>& end) {
  if (!asking() || play_id != state_.play_id) return;
  if (!decision) return refuse(rtmp::status::kPlayFailed, "Nobody can decide at the moment: try again.");
  if (!decision->allowed || !is_valid_id(decision->stream_id))
    return refuse(rtmp::status::kPlayStreamNotFound, "There is no such stream.");
  connection_.set_send_buffer(kPlayerSendBuffer);
  if (!connection_.send(session_.accept_play(state_.message_stream_id))) return;
  end_ = end;
  join(*decision);
}

// --- playing ---

void PlayRole::join(const PlayDecision& decision) {
  enter(Phase::kPlaying);
  state_.pinged_us = connection_.now_us();
  log::debug(
      "play accepted",
      {{"stream", decision.stream_id}, {"peer", connection_.peer()}, {"connection", connection_.id()}});
  const std::uint32_t chunk_size = session_.send_chunk_size();
  player_.emplace(connection_,
                  PlayerState(state_.message_stream_id, state_.from,
                              chunk_size == rtmp::kPlayerChunkSize ? 0 : chunk_size, connection_.now_us()));
  add(context_.counters.players);  // until there is no player_ any more
  player_->tag = decision.play_tag;
  const rtmp::PlayWishes wishes = session_.wishes(state_.message_stream_id);
  player_->paused = wishes.paused;
  player_->intake.filter.set(wishes);
  // The answer, the configurations and the first frames leave together where there is something to play.
  context_.groups.of(decision.stream_id).add(*player_);
  connection_.flush();
}

void PlayRole::change(const rtmp::PlayChanged& action) {
  if (player_ && state_.message_stream_id == action.message_stream_id)
    player_->group->change(*player_, action.wishes);
}

void PlayRole::on_writable() {
  if (player_) player_->group->on_writable(*player_, connection_.now_us());
}

void PlayRole::stop() {
  if (in_message()) return connection_.close(media::LogEnd::kDisconnected, "stopped");
  end();
}

void PlayRole::terminate(std::string_view code, std::string_view description) {
  if (player_) player_->end(code, description);
}

void PlayRole::end() {
  if (over()) return;
  enter(Phase::kOver);
  if (player_) {
    context_.counters.players.fetch_sub(1, std::memory_order_relaxed);
    if (player_->group != nullptr) player_->group->remove(*player_);
  }
  player_.reset();
  end_.reset();
}

bool PlayRole::within_allowance() const {
  const std::uint64_t received = session_.received_bytes() - state_.counted_from_bytes;
  return received <= (playing() ? kMaxPlayerBytes : RoleConnection::kMaxBytesBeforeAcceptance);
}

void PlayRole::tick(std::int64_t last_read_us) {
  const std::int64_t now_us = connection_.now_us();
  const auto time_out = [&](std::string_view why) {
    add(context_.counters.timeouts);
    connection_.close(media::LogEnd::kTimedOut, why);
  };
  if (asking() && now_us - state_.since_us > kDecisionUs) return time_out("no decision in time");
  if (!playing()) return;
  const std::int64_t ping_us = std::chrono::microseconds(context_.config.ping).count();
  if (now_us - last_read_us > 3 * ping_us) return time_out("no answer to pings");
  if (now_us - state_.pinged_us < ping_us) return;
  state_.pinged_us = now_us;
  state_.counted_from_bytes = session_.received_bytes();
  connection_.send(rtmp::ServerSession::ping_request(static_cast<std::uint32_t>(now_us / 1000)));
  connection_.flush();
}

}  // namespace millrace::ingest
