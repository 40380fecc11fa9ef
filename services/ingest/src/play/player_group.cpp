#include "play/player_group.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "media/log_message.hpp"
#include "play/player_tracks.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/message_chunks.hpp"

namespace millrace::ingest {

namespace {

constexpr std::size_t kMaxRun = 256;       // messages per system call
constexpr std::size_t kMaxParts = 1024;    // of it; UIO_MAXIOV
constexpr std::uint64_t kMaxWindow = 512;  // records
constexpr std::int64_t kMergeFactor = 8;   // so many times the cost of a flush pass between two
constexpr std::uint32_t kPlayerMessageStream = 1;
constexpr std::string_view kTorn = "torn";  // the log took a frame back while it was sent
constexpr std::string_view kNothingLeft =
    "The stream has no track that this player announced (Enhanced RTMP: fourCcList or FourCcInfoMap in "
    "connect).";

void came(LiveStream& stream, std::uint32_t players) {
  stream.players.fetch_add(players, std::memory_order_relaxed);
  stream.players_began.fetch_add(players, std::memory_order_relaxed);
}

}  // namespace

template <class Work>
void PlayerGroup::each(Work work) {
  ++iterating_;
  for (std::size_t i = 0; i < players_.size(); ++i) {
    if (players_[i] == nullptr) continue;
    RoleConnection& connection = players_[i]->connection;
    if (!survives("rtmp player", [&] { work(*players_[i]); })) connection.on_exception();
  }
  if (--iterating_ == 0) std::erase(players_, nullptr);
}

PlayerGroup::PlayerGroup(const PlayerGroupContext& context, std::string stream_id)
    : context_(context), stream_id_(std::move(stream_id)), flush_timer_(context.context) {}

PlayerGroup::~PlayerGroup() {
  release_log();
}

// --- who plays ---

void PlayerGroup::add(Player& player) {
  player.group = this;
  players_.push_back(&player);
  const LiveStreamPtr live = stream_ && !ending_ ? stream_ : context_.streams.find(stream_id_);
  if (live) player.not_before = live->committed.load(std::memory_order_acquire);
  if (stream_) came(*stream_, 1);
  if (stream_ && !ending_ && stream_->play_tag != 0 && player.tag != stream_->play_tag)
    return send_away(player, *stream_);
  if (reader_ && !ending_) return serve(player, monotonic_us());
  if (live && live != stream_) attach(live);
}

void PlayerGroup::remove(Player& player) {
  if (stream_) stream_->players.fetch_sub(1, std::memory_order_relaxed);
  player.group = nullptr;
  std::replace(players_.begin(), players_.end(), &player, static_cast<Player*>(nullptr));
  if (iterating_ > 0) return;
  std::erase(players_, nullptr);
  if (players_.empty()) release_log();
}

void PlayerGroup::change(Player& player, const rtmp::PlayWishes& wishes) {
  if (player.paused && !wishes.paused) restart(player);
  player.paused = wishes.paused;
  player.intake.filter.set(wishes);
  if (reader_ && !ending_ && !player.blocked) serve(player, monotonic_us());
}

void PlayerGroup::restart(Player& player) {
  player.follower.restart();
  player.skip_wanted = false;
  for (std::uint8_t track = 0; track < media::kMaxTracks; ++track) player.intake.filter.give(track);
  player.taken = player.withheld = 0;
}

void PlayerGroup::attach(const LiveStreamPtr& stream) {
  if (stream_ == stream) return;
  const std::int64_t now = monotonic_us();
  each([&](Player& player) {
    if (stream_) player.not_before = 0;  // of another log
    if (player.in_message()) {
      disconnect(player, "behind when the next publication began");
    } else if (player.follower.begun() && !player.notified_end) {
      publisher_left(player, now);
    }
  });
  each([&](Player& player) { send_away(player, *stream); });
  release_log();
  if (players_.empty()) return;
  auto reader = context_.arena_reader.open_log(stream->slot, stream->publication_id, 0);
  if (!reader) {
    log::warning("players can't read a log", {{"stream", stream_id_}, {"message", reader.error().message}});
    return;
  }
  reader_.emplace(std::move(*reader));
  stream_ = stream;
  served_ = stream->committed.load(std::memory_order_acquire);
  live_.clear(served_);
  came(*stream, static_cast<std::uint32_t>(players_.size()));
  stream->watching_shards.fetch_or(std::uint64_t{1} << context_.shard_index, std::memory_order_acq_rel);
  each([](Player& player) {
    restart(player);
    if (!player.notified_end) return;
    player.notified_end = false;
    (void)player.outbox.append(player.connection.session().publish_notify(player.message_stream_id));
  });
  flush(now);
}

void PlayerGroup::detach(const LiveStreamPtr& stream) {
  if (stream_ != stream || ending_) return;
  const std::int64_t now = monotonic_us();
  flush(now);
  ending_ = true;
  each([&](Player& player) {
    if (!player.blocked) publisher_left(player, now);
  });
}

void PlayerGroup::release_log() {
  if (stream_) {
    stream_->watching_shards.fetch_and(~(std::uint64_t{1} << context_.shard_index),
                                       std::memory_order_acq_rel);
    stream_->players.fetch_sub(static_cast<std::uint32_t>(players_.size()), std::memory_order_relaxed);
  }
  flush_timer_.cancel();
  stream_.reset();
  reader_.reset();
  ending_ = false;
  live_ = {};
  catch_up_ = {};
  served_ = 0;
}

void PlayerGroup::send_away(Player& player, const LiveStream& stream) {
  if (stream.play_tag == 0 || player.tag == stream.play_tag) return;
  player.end(rtmp::status::kPlayStreamNotFound, "There is no such stream.");
}

void PlayerGroup::publisher_left(Player& player, std::int64_t now_us) {
  player.follower.restart();
  player.notified_end = true;
  player.not_before = 0;
  player.waiting_since_us = now_us;
  if (!player.outbox.append(player.connection.session().unpublish_notify(player.message_stream_id)) ||
      player.outbox.flush() == Sent::kFailed) {
    disconnect(player, "gone");
  }
}

// --- sending ---

void PlayerGroup::request_flush() {
  if (flush_timer_.running()) return;
  const std::int64_t now = monotonic_us();
  const std::int64_t pause = std::min(kMergeFactor * flush_cost_us_, kMaxMergeUs);
  const std::int64_t wait = flushed_us_ + pause - now;
  if (wait <= 0) return flush(now);
  flush_timer_.start(wait, [this] { flush(monotonic_us()); });
}

void PlayerGroup::flush(std::int64_t now_us) {
  if (!reader_) return;
  // Notified again of what comes after the count is read.
  stream_->woken_shards.fetch_and(~(std::uint64_t{1} << context_.shard_index), std::memory_order_acq_rel);
  const std::uint64_t end = stream_->committed.load(std::memory_order_acquire);
  live_.fill(*reader_, end - served_ > kMaxWindow ? end - kMaxWindow : served_, end);
  served_ = live_.end();
  each([&](Player& player) {
    if (!player.blocked) serve(player, now_us);
  });
  hold();
  flushed_us_ = monotonic_us();
  flush_cost_us_ = flushed_us_ - now_us;
}

void PlayerGroup::on_writable(Player& player, std::int64_t now_us) {
  player.blocked = false;
  if (!reader_) return;
  serve(player, now_us);
}

void PlayerGroup::serve(Player& player, std::int64_t now_us) {
  Step result = Step::kAgain;
  while (result == Step::kAgain) result = step(player, now_us);
  count_sent();
  if (result == Step::kClosed) return;
  player.blocked = result == Step::kBlocked;
  player.connection.watch_writable(player.blocked);
  if (ending_ && !player.blocked && !player.notified_end) publisher_left(player, now_us);
}

PlayerGroup::Step PlayerGroup::step(Player& player, std::int64_t now_us) {
  if (!player.in_message()) {
    const bool placed = !player.paused && (player.follower.begun() || start(player));
    if (placed && player.skip_wanted) {
      const Step skipped = skip(player, now_us);
      if (skipped != Step::kAgain) return skipped;
    }
    const Sent sent = player.outbox.flush();
    if (sent == Sent::kFailed) return disconnect(player, "gone");
    if (sent == Sent::kBlocked) return Step::kBlocked;
    if (!placed) return Step::kDone;
  }
  media::LogPlace& place = player.follower.place();
  if (place.next >= live_.end()) return Step::kDone;
  const media::LogWindow* window = &live_;
  if (place.next < live_.first()) {
    catch_up_.fill(*reader_, place.next, std::min(live_.first(), place.next + kMaxRun));
    if (catch_up_.empty()) return player.in_message() ? disconnect(player, "lagged") : skip(player, now_us);
    window = &catch_up_;
  }
  // What it does not take needs no configuration either.
  const auto takes = [&player](const LogEntry& entry) { return player.intake.filter.take(entry); };
  if (!place.pass_over(*window, takes)) return Step::kAgain;
  const std::span<const LogEntry> entries = window->from(place.next);
  if (!player.in_message() && queue_configurations(player, entries.front())) return Step::kAgain;
  return send_run(player, entries, now_us);
}

// At a key frame; false while there is none to begin with.
bool PlayerGroup::start(Player& player) {
  if (player.notified_end) return false;
  const std::int64_t now_us = monotonic_us();
  const auto first = player.follower.begin(*reader_, now_us, player.from, player.not_before);
  if (!first) return false;
  player.from = PlayFrom::kNewestKey;
  player.progress_us = player.started_us = now_us;
  for (const auto& configuration : player.follower.place().configurations.begin(*reader_, *first))
    (void)queue_configuration(player, configuration, first->wire_timestamp_ms);
  return true;
}

// What the player must have before this record. True when something waits in the outbox now, or when the
// record turns out not to be for this player.
bool PlayerGroup::queue_configurations(Player& player, const LogEntry& next) {
  const auto missing = player.follower.place().configurations.before(*reader_, next.record);
  bool queued = false;
  for (const auto& configuration : missing)
    queued = queue_configuration(player, configuration, next.record.wire_timestamp_ms) || queued;
  return queued || (!missing.empty() && !player.intake.filter.take(next));
}

bool PlayerGroup::admit(Player& player, const media::LogReader::Configuration& configuration) {
  const bool takes = can_take(player.connection.session().capabilities(), configuration);
  if (is_annotation(configuration.description)) return takes;
  const std::uint8_t track = configuration.description.track;
  if (configuration.description.kind == media::TrackKind::kData) return takes;
  const auto bit = static_cast<std::uint16_t>(1U << track);
  player.taken = static_cast<std::uint16_t>(takes ? player.taken | bit : player.taken & ~bit);
  player.withheld = static_cast<std::uint16_t>(takes ? player.withheld & ~bit : player.withheld | bit);
  if (takes) {
    player.intake.filter.give(track);
  } else {
    player.intake.filter.withhold(track, configuration.description.index);
  }
  return takes;
}

bool PlayerGroup::queue_configuration(Player& player, const media::LogReader::Configuration& configuration,
                                      std::uint32_t timestamp_ms) {
  if (!admit(player, configuration) || configuration.description.prefix_size == 0) return false;
  const media::LogMessage message = media::log_message(configuration.message);
  // It describes the whole stream: ffmpeg takes onMetaData of any other time for a track of text.
  if (message.type == media::LogMessage::kData) timestamp_ms = 0;
  const auto type = static_cast<rtmp::MessageType>(message.type);
  return !message.body.empty() && queue_message(player, type, message.body, timestamp_ms);
}

bool PlayerGroup::queue_message(Player& player, rtmp::MessageType type, ByteView body,
                                std::uint32_t timestamp_ms) {
  const rtmp::MediaChunkHeader header = rtmp::media_chunk_header(
      type, timestamp_ms, static_cast<std::uint32_t>(body.size()), kPlayerMessageStream);
  Outbox& outbox = player.outbox;
  if (player.intake.chunk_size == 0) return outbox.append(header.view()) && outbox.append(body);
  Bytes message(header.view().begin(), header.view().end());
  message.insert(message.end(), body.begin(), body.end());
  const rtmp::MessageChunks chunks(message, player.intake.chunk_size);
  std::array<ByteView, 64> parts;
  for (std::size_t at = 0; at < chunks.wire_size();) {
    for (const ByteView part : std::span(parts).first(chunks.cut(at, parts))) {
      if (!outbox.append(part)) return false;
      at += part.size();
    }
  }
  return true;
}

PlayerGroup::Step PlayerGroup::send_run(Player& player, std::span<const LogEntry> entries,
                                        std::int64_t now_us) {
  std::array<iovec, kMaxParts> parts;
  // Recycled while it waited: what lies there now is another stream's.
  if (!media::intact(*reader_, entries)) {
    if (player.in_message()) return disconnect(player, kTorn);
    return skip(player, now_us);
  }
  media::LogPlace& place = player.follower.place();
  // Who is to skip gets the rest of the message that was begun, and no other: a socket that is full nearly
  // always ends in one.
  const std::size_t most = player.skip_wanted ? 1 : kMaxRun;
  const GatheredRun run =
      gather_run(entries.first(std::min(entries.size(), most)), place, player.intake, parts);
  const ssize_t sent = player.outbox.send({parts.data(), run.parts});
  if (sent < 0 && errno == EINTR) return Step::kAgain;
  if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Step::kBlocked : disconnect(player, "gone");
  if (!media::intact(*reader_, entries)) return disconnect(player, kTorn);
  if (sent > 0) player.progress_us = now_us;
  sent_bytes_ += static_cast<std::uint64_t>(sent);
  ++sends_;
  (void)account_run(entries.first(run.end), static_cast<std::size_t>(sent), place, player.intake);
  return static_cast<std::size_t>(sent) < run.bytes ? Step::kBlocked : Step::kAgain;
}

void PlayerGroup::count_sent() {
  if (sent_bytes_ == 0) return;
  if (stream_) stream_->sent_bytes.fetch_add(sent_bytes_, std::memory_order_relaxed);
  context_.counters.sent_bytes.fetch_add(std::exchange(sent_bytes_, 0), std::memory_order_relaxed);
  context_.counters.player_sends.fetch_add(std::exchange(sends_, 0), std::memory_order_relaxed);
}

// --- slow players ---

PlayerGroup::Step PlayerGroup::skip(Player& player, std::int64_t now_us) {
  player.skip_wanted = false;
  const std::optional<std::uint64_t> skipped = player.follower.skip(*reader_, now_us);
  if (!skipped) return disconnect(player, "too slow");
  if (*skipped == 0) return player.follower.begun() ? Step::kAgain : Step::kDone;
  stream_->frames_skipped.fetch_add(*skipped, std::memory_order_relaxed);
  context_.counters.frames_skipped.fetch_add(*skipped, std::memory_order_relaxed);
  return Step::kAgain;
}

PlayerGroup::Step PlayerGroup::disconnect(Player& player, std::string_view why) {
  if (why != "gone") {
    context_.counters.players_too_slow.fetch_add(1, std::memory_order_relaxed);
    log::info("player disconnected",
              {{"stream", stream_id_}, {"peer", player.connection.peer()}, {"why", why}});
  }
  if (why == kTorn) player.outbox.abandon();
  player.connection.close(media::LogEnd::kDisconnected, why);
  return Step::kClosed;
}

void PlayerGroup::check_slow(Player& player, std::int64_t now_us) {
  if (!player.blocked) return;
  if (now_us - player.progress_us > kStuckUs) {
    (void)disconnect(player, "does not read");
    return;
  }
  switch (player.follower.lag(*reader_, served_, now_us)) {
    case media::LogFollower::Lag::kNone:
      return;
    case media::LogFollower::Lag::kSlow:
      player.skip_wanted = true;
      return;
    case media::LogFollower::Lag::kHopeless:
    case media::LogFollower::Lag::kLost:
      (void)disconnect(player, "too slow");
      return;
  }
}

void PlayerGroup::tick(std::int64_t now_us) {
  each([&](Player& player) {
    if (reader_ && !player.notified_end) {
      const bool nothing_left = player.follower.begun() && player.withheld != 0 && player.taken == 0;
      if (nothing_left && now_us - player.started_us > kNothingLeftUs)
        return player.end(rtmp::status::kPlayNoSupportedTrack, kNothingLeft);
      report_withheld(player);
      return check_slow(player, now_us);
    }
    if (now_us - player.waiting_since_us > kIdleUs) {
      player.end(rtmp::status::kPlayStreamNotFound, "There is no publisher.");
    }
  });
  if (reader_) hold();
  const bool all_told = std::all_of(players_.begin(), players_.end(),
                                    [](const Player* player) { return player->notified_end; });
  if ((ending_ && all_told) || players_.empty()) release_log();
}

// Which of the first picture and sound it does not get although it gets the rest; each once.
void PlayerGroup::report_withheld(Player& player) {
  constexpr std::uint16_t kFirstTracks = 1U << media::kVideoTrack | 1U << media::kAudioTrack;
  const auto news = static_cast<std::uint16_t>(player.withheld & kFirstTracks & ~player.told_withheld);
  if (news == 0 || player.taken == 0) return;
  player.told_withheld |= news;
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack}) {
    const auto index = player.follower.place().configurations.of(track);
    const auto configuration =
        index && (news >> track & 1) != 0 ? reader_->configuration(*index) : std::nullopt;
    if (!configuration) continue;
    const std::string why = withheld_text(configuration->description);
    log::info("a player can't take a track",
              {{"stream", stream_id_}, {"peer", player.connection.peer()}, {"why", why}});
    (void)player.outbox.append(player.connection.session().status(
        player.message_stream_id, rtmp::StatusLevel::kWarning, kPlayTrackRefused, why));
  }
}

// Keeps what the slowest player needs from being recycled, within the log's hard limit.
void PlayerGroup::hold() {
  if (!reader_) return;
  std::uint64_t oldest = served_;
  for (const Player* player : players_) {
    if (player == nullptr) continue;
    const bool needs = player->in_message() || (player->follower.begun() && !player->paused);
    if (needs) oldest = std::min(oldest, player->follower.place().next);
  }
  reader_->seek(oldest);
}

}  // namespace millrace::ingest
