#include "player_group.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "connection.hpp"
#include "player_tracks.hpp"
#include "rtmp/media_message.hpp"
#include "rtmp/message_chunks.hpp"
#include "shard.hpp"

namespace millrace::ingest {

namespace {

constexpr std::size_t kMaxRun = 256;          // messages per system call
constexpr std::size_t kMaxParts = 1024;       // of it; UIO_MAXIOV
constexpr std::uint64_t kMaxSearch = 65'536;  // records that are looked at for the oldest key frame
constexpr std::uint64_t kMaxWindow = 512;     // records
constexpr std::int64_t kMergeFactor = 8;      // so many times the cost of a flush pass between two
constexpr std::uint32_t kPlayerMessageStream = 1;
constexpr std::string_view kTorn = "torn";  // the log took a frame back while it was sent
constexpr std::string_view kNothingLeft =
    "The stream has no track that this player announced (Enhanced RTMP: fourCcList or FourCcInfoMap in "
    "connect).";

// The body of a message in one chunk: behind its type 0 header (Adobe RTMP 1.0, 5.3.1.2.1 and 5.3.1.3).
ByteView body_of(ByteView message) {
  const bool extended = message.size() > 3 && message[1] == 0xFF && message[2] == 0xFF && message[3] == 0xFF;
  const std::size_t header = extended ? 16 : 12;
  return message.size() > header ? message.subspan(header) : ByteView();
}

void came(LiveStream& stream, std::uint32_t players) {
  stream.players.fetch_add(players, std::memory_order_relaxed);
  stream.players_began.fetch_add(players, std::memory_order_relaxed);
}

}  // namespace

PlayFrom play_from(std::string_view query) {
  PlayFrom from = PlayFrom::kNewestKey;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    if (parameter == "cache=no") from = PlayFrom::kNextKey;
    if (parameter == "cache=clear") from = PlayFrom::kOldestKey;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return from;
}

template <class Work>
void PlayerGroup::each(Work work) {
  ++iterating_;
  for (std::size_t i = 0; i < players_.size(); ++i) {
    if (players_[i] == nullptr) continue;
    Connection& connection = players_[i]->connection;
    if (!survives("rtmp player", [&] { work(*players_[i]); })) connection.on_exception();
  }
  if (--iterating_ == 0) std::erase(players_, nullptr);
}

PlayerGroup::PlayerGroup(Shard& shard, std::string stream_id)
    : shard_(shard), stream_id_(std::move(stream_id)), flush_timer_(shard.context()) {}

PlayerGroup::~PlayerGroup() {
  release_log();
}

// --- who plays ---

void PlayerGroup::add(Player& player) {
  player.group = this;
  players_.push_back(&player);
  const LiveStreamPtr live = stream_ && !ending_ ? stream_ : shard_.shared().streams.find(stream_id_);
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
  if (player.paused && !wishes.paused) start_anew(player);
  player.paused = wishes.paused;
  player.place.filter.set(wishes);
  if (reader_ && !ending_ && !player.blocked) serve(player, monotonic_us());
}

void PlayerGroup::start_anew(Player& player) {
  player.started = false;
  player.skip_wanted = false;
  player.place.configurations.fill(Player::kNoConfiguration);
  player.configurations_seen = 0;
  for (std::uint8_t track = 0; track < media::kMaxTracks; ++track) player.place.filter.give(track);
  player.taken = player.withheld = 0;
}

void PlayerGroup::attach(const LiveStreamPtr& stream) {
  if (stream_ == stream) return;
  const std::int64_t now = monotonic_us();
  each([&](Player& player) {
    if (stream_) player.not_before = 0;  // of another log
    if (player.in_message()) {
      disconnect(player, "behind when the next publication began");
    } else if (player.started && !player.notified_end) {
      publisher_left(player, now);
    }
  });
  each([&](Player& player) { send_away(player, *stream); });
  release_log();
  if (players_.empty()) return;
  auto reader = shard_.shared().arena_reader.open_log(stream->slot, stream->publication_id, 0);
  if (!reader) {
    log::warning("players can't read a log", {{"stream", stream_id_}, {"message", reader.error().message}});
    return;
  }
  reader_.emplace(std::move(*reader));
  stream_ = stream;
  served_ = stream->committed.load(std::memory_order_acquire);
  live_ = {served_, {}};
  came(*stream, static_cast<std::uint32_t>(players_.size()));
  stream->watching_shards.fetch_or(std::uint64_t{1} << shard_.index(), std::memory_order_acq_rel);
  each([](Player& player) {
    start_anew(player);
    if (!player.notified_end) return;
    player.notified_end = false;
    (void)player.connection.outbox().append(
        player.connection.session().publish_notify(player.message_stream_id));
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
    stream_->watching_shards.fetch_and(~(std::uint64_t{1} << shard_.index()), std::memory_order_acq_rel);
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
  player.connection.end_play(rtmp::status::kPlayStreamNotFound, "There is no such stream.");
}

void PlayerGroup::publisher_left(Player& player, std::int64_t now_us) {
  player.started = false;
  player.notified_end = true;
  player.not_before = 0;
  player.waiting_since_us = now_us;
  Outbox& outbox = player.connection.outbox();
  if (!outbox.append(player.connection.session().unpublish_notify(player.message_stream_id)) ||
      outbox.flush(player.connection.transport()) == Sent::kFailed) {
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
  stream_->woken_shards.fetch_and(~(std::uint64_t{1} << shard_.index()), std::memory_order_acq_rel);
  const std::uint64_t end = stream_->committed.load(std::memory_order_acquire);
  fill(live_, end - served_ > kMaxWindow ? end - kMaxWindow : served_, end);
  served_ = live_.end();
  each([&](Player& player) {
    if (!player.blocked) serve(player, now_us);
  });
  hold();
  flushed_us_ = monotonic_us();
  flush_cost_us_ = flushed_us_ - now_us;
}

void PlayerGroup::fill(Window& window, std::uint64_t first, std::uint64_t end) const {
  window.first = first;
  window.entries.clear();
  for (std::uint64_t sequence = first; sequence < end; ++sequence) {
    const auto sample = reader_->at(sequence);
    if (!sample) return;
    window.entries.push_back({sample->record, sample->message});
  }
}

void PlayerGroup::on_writable(Player& player, std::int64_t now_us) {
  player.blocked = false;
  if (!reader_) return;
  serve(player, now_us);
}

void PlayerGroup::serve(Player& player, std::int64_t now_us) {
  Connection& connection = player.connection;
  Step result = Step::kAgain;
  while (result == Step::kAgain) result = step(player, now_us);
  count_sent();
  if (result == Step::kClosed) return;
  player.blocked = result == Step::kBlocked;
  connection.watch_writable(player.blocked);
  if (ending_ && !player.blocked && !player.notified_end) publisher_left(player, now_us);
}

PlayerGroup::Step PlayerGroup::step(Player& player, std::int64_t now_us) {
  if (!player.in_message()) {
    const bool placed = !player.paused && (player.started || start(player));
    if (placed && player.skip_wanted) {
      const Step skipped = skip(player, now_us);
      if (skipped != Step::kAgain) return skipped;
    }
    const Sent sent = player.connection.outbox().flush(player.connection.transport());
    if (sent == Sent::kFailed) return disconnect(player, "gone");
    if (sent == Sent::kBlocked) return Step::kBlocked;
    if (!placed) return Step::kDone;
  }
  if (player.next >= live_.end()) return Step::kDone;
  const Window* window = &live_;
  if (player.next < live_.first) {
    fill(catch_up_, player.next, std::min(live_.first, player.next + kMaxRun));
    if (catch_up_.entries.empty())
      return player.in_message() ? disconnect(player, "lagged") : skip(player, now_us);
    window = &catch_up_;
  }
  // What it does not take needs no configuration either.
  while (!player.in_message() && !player.place.filter.take(window->entries[player.next - window->first])) {
    if (++player.next == window->end()) return Step::kAgain;
  }
  const media::SampleRecord& next = window->entries[player.next - window->first].record;
  if (!player.in_message() && queue_configurations(player, next)) return Step::kAgain;
  return send_run(player, *window, now_us);
}

std::optional<std::uint64_t> PlayerGroup::beginning(const Player& player) const {
  const std::optional<std::uint64_t> newest = reader_->newest_key();
  if (!newest) return std::nullopt;
  switch (player.from) {
    case PlayFrom::kNewestKey:
      break;
    case PlayFrom::kNextKey:
      if (*newest < player.not_before) return std::nullopt;
      break;
    case PlayFrom::kOldestKey:
      return oldest_key(*newest);
  }
  return newest;
}

std::optional<std::uint64_t> PlayerGroup::oldest_key(std::uint64_t newest) const {
  const auto sample = reader_->at(newest);
  if (!sample) return std::nullopt;
  const bool video = sample->record.track == media::kVideoTrack;
  const std::uint64_t first = std::max(reader_->info().first, newest - std::min(newest, kMaxSearch));
  for (std::uint64_t sequence = first; sequence < newest; ++sequence) {
    const auto found = reader_->at(sequence);
    if (!found) continue;
    const bool key = (found->record.flags & media::kSampleKey) != 0;
    if (!video || (key && found->record.track == media::kVideoTrack)) return sequence;
  }
  return newest;
}

// At a key frame; false while there is none to begin with.
bool PlayerGroup::start(Player& player) {
  if (player.notified_end) return false;
  const std::optional<std::uint64_t> key = beginning(player);
  const auto sample = key ? reader_->at(*key) : std::nullopt;
  if (!sample) return false;
  const bool all = std::exchange(player.from, PlayFrom::kNewestKey) == PlayFrom::kOldestKey;
  player.started = true;
  player.next = *key;
  player.progress_us = player.started_us = monotonic_us();
  player.catch_up_until_us = player.progress_us + (all ? kCatchUpAllUs : kCatchUpUs);
  queue_newest(player, sample->record);
  return true;
}

// The configuration in force of the first picture and sound, the newest of other tracks (a record of another
// one corrects it when it comes); what describes the stream first.
void PlayerGroup::queue_newest(Player& player, const media::SampleRecord& first) {
  std::array<std::optional<std::uint32_t>, media::kMaxTracks> newest;
  std::array<std::optional<std::uint32_t>, 2> annotations;  // of video, of audio
  const std::uint32_t count = reader_->configuration_count();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto configuration = reader_->configuration(i);
    if (!configuration || configuration->description.track >= newest.size()) continue;
    if (is_annotation(configuration->description)) {
      annotations.at(wire_type(*configuration) == rtmp::MessageType::kVideo ? 0 : 1) = i;
    } else {
      newest.at(configuration->description.track) = i;
    }
  }
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack}) {
    if (const auto in_force = media::configuration_in_force(first, track)) newest.at(track) = in_force;
  }
  player.configurations_seen = count;
  const auto queue = [&](std::optional<std::uint32_t> index) {
    if (index) (void)queue_configuration(player, *index, first.wire_timestamp_ms);
  };
  queue(newest[media::kDataTrack]);
  for (const auto& annotation : annotations) queue(annotation);
  for (std::uint8_t track = 0; track < newest.size(); ++track) {
    if (track != media::kDataTrack) queue(newest.at(track));
  }
}

// What the player must have before this record. True when something waits in the outbox now, or when the
// record is not for this player.
bool PlayerGroup::queue_configurations(Player& player, const media::SampleRecord& next) {
  bool queued = false;
  for (const std::uint32_t count = reader_->configuration_count(); player.configurations_seen < count;) {
    const std::uint32_t index = player.configurations_seen++;
    const auto configuration = reader_->configuration(index);
    const bool data = configuration && configuration->description.kind == media::TrackKind::kData;
    if (data) queued = queue_configuration(player, index, next.wire_timestamp_ms) || queued;
  }
  const bool known = next.track >= player.place.configurations.size() ||
                     player.place.configurations.at(next.track) == next.configuration;
  if (known) return queued;
  queued = queue_configuration(player, next.configuration, next.wire_timestamp_ms) || queued;
  return queued || (player.withheld >> next.track & 1) != 0;
}

bool PlayerGroup::admit(Player& player, const media::LogReader::Configuration& configuration) {
  const bool takes = can_take(player.connection.session().capabilities(), configuration);
  if (is_annotation(configuration.description)) return takes;
  const std::uint8_t track = configuration.description.track;
  player.place.configurations.at(track) = configuration.description.index;
  if (configuration.description.kind == media::TrackKind::kData) return takes;
  const auto bit = static_cast<std::uint16_t>(1U << track);
  player.taken = static_cast<std::uint16_t>(takes ? player.taken | bit : player.taken & ~bit);
  player.withheld = static_cast<std::uint16_t>(takes ? player.withheld & ~bit : player.withheld | bit);
  if (takes) {
    player.place.filter.give(track);
  } else {
    player.place.filter.withhold(track, configuration.description.index);
  }
  return takes;
}

bool PlayerGroup::queue_configuration(Player& player, std::uint32_t index, std::uint32_t timestamp_ms) {
  const auto configuration = reader_->configuration(index);
  if (!configuration || configuration->description.track >= player.place.configurations.size()) return false;
  if (!admit(player, *configuration) || configuration->description.prefix_size == 0) return false;
  const ByteView body = body_of(configuration->message);
  const rtmp::MessageType type = wire_type(*configuration);
  // It describes the whole stream: ffmpeg takes onMetaData of any other time for a track of text.
  if (type == rtmp::MessageType::kData) timestamp_ms = 0;
  return !body.empty() && queue_message(player, type, body, timestamp_ms);
}

bool PlayerGroup::queue_message(Player& player, rtmp::MessageType type, ByteView body,
                                std::uint32_t timestamp_ms) {
  const rtmp::MediaChunkHeader header = rtmp::media_chunk_header(
      type, timestamp_ms, static_cast<std::uint32_t>(body.size()), kPlayerMessageStream);
  Outbox& outbox = player.connection.outbox();
  if (player.place.chunk_size == 0) return outbox.append(header.view()) && outbox.append(body);
  Bytes message(header.view().begin(), header.view().end());
  message.insert(message.end(), body.begin(), body.end());
  const rtmp::MessageChunks chunks(message, player.place.chunk_size);
  std::array<ByteView, 64> parts;
  for (std::size_t at = 0; at < chunks.wire_size();) {
    for (const ByteView part : std::span(parts).first(chunks.cut(at, parts))) {
      if (!outbox.append(part)) return false;
      at += part.size();
    }
  }
  return true;
}

PlayerGroup::Step PlayerGroup::send_run(Player& player, const Window& window, std::int64_t now_us) {
  std::array<iovec, kMaxParts> parts;
  const std::span<const LogEntry> entries = std::span(window.entries).subspan(player.next - window.first);
  // Recycled while it waited: what lies there now is another stream's.
  if (!reader_->intact(entries.front().record)) {
    if (player.in_message()) return disconnect(player, kTorn);
    return skip(player, now_us);
  }
  const GatheredRun run = gather_run(entries.first(std::min(entries.size(), kMaxRun)), player.place, parts);
  const ssize_t sent = player.connection.transport().send({parts.data(), run.parts});
  if (sent < 0 && errno == EINTR) return Step::kAgain;
  if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Step::kBlocked : disconnect(player, "gone");
  // Blocks are recycled oldest first: if the first message is still what it was, all are.
  if (!reader_->intact(entries.front().record)) return disconnect(player, kTorn);
  if (sent > 0) player.progress_us = now_us;
  sent_bytes_ += static_cast<std::uint64_t>(sent);
  ++sends_;
  player.next += account_run(entries.first(run.end), static_cast<std::size_t>(sent), player.place);
  return static_cast<std::size_t>(sent) < run.bytes ? Step::kBlocked : Step::kAgain;
}

void PlayerGroup::count_sent() {
  if (sent_bytes_ == 0) return;
  if (stream_) stream_->sent_bytes.fetch_add(sent_bytes_, std::memory_order_relaxed);
  shard_.shared().counters.sent_bytes.fetch_add(std::exchange(sent_bytes_, 0), std::memory_order_relaxed);
  shard_.shared().counters.player_sends.fetch_add(std::exchange(sends_, 0), std::memory_order_relaxed);
}

// --- slow players ---

PlayerGroup::Step PlayerGroup::skip(Player& player, std::int64_t now_us) {
  player.skip_wanted = false;
  const std::optional<std::uint64_t> key = reader_->newest_key();
  if (!key || *key <= player.next) {
    // Its place may be gone and there is no key frame to go to yet.
    if (!reader_->at(player.next)) player.started = false;
    return player.started ? Step::kAgain : Step::kDone;
  }
  if (now_us - player.skipped_us < kSkipAgainUs) return disconnect(player, "too slow");
  player.skipped_us = now_us;
  stream_->frames_skipped.fetch_add(*key - player.next, std::memory_order_relaxed);
  shard_.shared().counters.frames_skipped.fetch_add(*key - player.next, std::memory_order_relaxed);
  player.next = *key;
  return Step::kAgain;
}

PlayerGroup::Step PlayerGroup::disconnect(Player& player, std::string_view why) {
  if (why != "gone") {
    shard_.shared().counters.players_too_slow.fetch_add(1, std::memory_order_relaxed);
    log::info("player disconnected",
              {{"stream", stream_id_}, {"peer", player.connection.peer()}, {"why", why}});
  }
  if (why == kTorn) player.connection.transport().abandon();
  player.connection.close(media::LogEnd::kDisconnected, why);
  return Step::kClosed;
}

void PlayerGroup::check_slow(Player& player, std::int64_t now_us) {
  if (!player.blocked) return;
  if (now_us - player.progress_us > kStuckUs) {
    (void)disconnect(player, "does not read");
    return;
  }
  if (now_us < player.catch_up_until_us) return;
  const auto next = reader_->at(player.next);
  const auto newest = served_ > 0 ? reader_->at(served_ - 1) : std::nullopt;
  if (!newest || player.next >= served_) return;
  const std::int64_t behind = next ? newest->record.arrival_us - next->record.arrival_us : INT64_MAX;
  if (behind > 3 * kSlowUs) {
    (void)disconnect(player, "too slow");
  } else if (behind > kSlowUs) {
    player.skip_wanted = true;
  }
}

void PlayerGroup::tick(std::int64_t now_us) {
  each([&](Player& player) {
    if (reader_ && !player.notified_end) {
      const bool nothing_left = player.started && player.withheld != 0 && player.taken == 0;
      if (nothing_left && now_us - player.started_us > kNothingLeftUs)
        return player.connection.end_play(rtmp::status::kPlayNoSupportedTrack, kNothingLeft);
      tell_withheld(player);
      return check_slow(player, now_us);
    }
    if (now_us - player.waiting_since_us > kIdleUs) {
      player.connection.end_play(rtmp::status::kPlayStreamNotFound, "There is no publisher.");
    }
  });
  if (reader_) hold();
  const bool all_told = std::all_of(players_.begin(), players_.end(),
                                    [](const Player* player) { return player->notified_end; });
  if ((ending_ && all_told) || players_.empty()) release_log();
}

// Which of the first picture and sound it does not get although it gets the rest; each once.
void PlayerGroup::tell_withheld(Player& player) {
  constexpr std::uint16_t kFirstTracks = 1U << media::kVideoTrack | 1U << media::kAudioTrack;
  const auto news = static_cast<std::uint16_t>(player.withheld & kFirstTracks & ~player.told_withheld);
  if (news == 0 || player.taken == 0) return;
  player.told_withheld |= news;
  for (const std::uint8_t track : {media::kVideoTrack, media::kAudioTrack}) {
    const auto configuration = (news >> track & 1) != 0
                                   ? reader_->configuration(player.place.configurations.at(track))
                                   : std::nullopt;
    if (!configuration) continue;
    const std::string why = withheld_text(configuration->description);
    log::info("a player can't take a track",
              {{"stream", stream_id_}, {"peer", player.connection.peer()}, {"why", why}});
    (void)player.connection.outbox().append(player.connection.session().status(
        player.message_stream_id, rtmp::StatusLevel::kWarning, kPlayTrackRefused, why));
  }
}

// Keeps what the slowest player needs from being recycled, within the log's hard limit.
void PlayerGroup::hold() {
  if (!reader_) return;
  std::uint64_t oldest = served_;
  for (const Player* player : players_) {
    if (player == nullptr) continue;
    const bool needs = player->in_message() || (player->started && !player->paused);
    if (needs) oldest = std::min(oldest, player->next);
  }
  reader_->seek(oldest);
}

}  // namespace millrace::ingest
