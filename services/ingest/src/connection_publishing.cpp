#include <algorithm>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "connection.hpp"
#include "publication_actor.hpp"
#include "refusal_status.hpp"

namespace millrace::ingest {

namespace {

struct StatusText {
  std::string_view code;
  std::string_view description;
};

StatusText text_of(media::LogEnd reason) {
  switch (reason) {
    case media::LogEnd::kTakenOver:
      return {kPublishRejected, "A newer publisher has taken this stream over."};
    case media::LogEnd::kRevoked:
      return {rtmp::status::kPublishDenied, "The stream was closed."};
    case media::LogEnd::kDrained:
      return {rtmp::status::kUnpublishSuccess, "The server is stopping."};
    case media::LogEnd::kTimedOut:
      return {kPublishFailed, "Nothing was received for too long."};
    default:
      return {kPublishFailed, "The stream has ended."};
  }
}

// A playlist holds three target durations and as long again has just left it; the list of an ended stream is
// closed when the time to come back is over, and must still have its segments then, for as long as it takes
// to play them.
std::int64_t pinned_limit_us(const IngestConfig& config) {
  constexpr std::int64_t kPlaylistTargets = media::kRetainedTargets;
  constexpr std::int64_t kClosingUs = 60'000'000;
  const std::int64_t keep_us = std::chrono::microseconds(config.log_keep).count();
  const std::int64_t grace_us = std::chrono::microseconds(config.reconnect_grace).count();
  return std::max({2 * keep_us, grace_us + kClosingUs, kPlaylistTargets * config.segment_ms * 1000});
}

}  // namespace

void Connection::perform(rtmp::PublishRequested& request) {
  if (state_ != State::kOpening) {
    send(session_.reject_publish(request.message_stream_id, rtmp::status::kPublishBadName,
                                 "One stream per connection."));
    return;
  }
  if (!is_name(request.app) || !is_name(request.name)) {
    return refuse_publish(request.message_stream_id,
                          {"ingest.name", "The application or stream name is not valid."});
  }
  ask_to_publish(request);
}

void Connection::ask_to_publish(rtmp::PublishRequested& request) {
  auto ticket = std::make_shared<PublicationTicket>();
  while (ticket->publication_id == 0) ticket->publication_id = random_u64();
  ticket->question = {.app = std::move(request.app),
                      .key = std::move(request.name),
                      .query = std::move(request.query),
                      .peer_address = peer_.text,
                      .publication_id = ticket->publication_id,
                      .tc_url = std::move(request.tc_url),
                      .flash_version = std::move(request.flash_version)};
  Shard& shard = shard_;
  const std::uint64_t id = id_;
  const std::uint64_t publication_id = ticket->publication_id;
  ticket->accept = [&shard, id](const LiveStreamPtr& stream) {
    shard.post_to(id, [stream](Connection& connection) { connection.publish_accepted(stream); });
  };
  ticket->reject = [&shard, id, publication_id](const Error& error) {
    shard.post_to(id, [publication_id, error](Connection& connection) {
      connection.publish_refused(publication_id, error);
    });
  };
  ticket->terminate = [&shard, id, publication_id](media::LogEnd reason) {
    shard.post_to(id, [publication_id, reason](Connection& connection) {
      if (connection.owns(publication_id)) connection.terminate_publication(reason);
    });
  };
  ticket->change_limits = [&shard, id, publication_id](const StreamLimits& limits) {
    shard.post_to(id, [publication_id, limits](Connection& connection) {
      if (connection.owns(publication_id)) connection.change_limits(limits);
    });
  };
  publishing_ = std::make_unique<Publishing>();
  publishing_->message_stream_id = request.message_stream_id;
  publishing_->ticket = ticket;
  enter(State::kAskingPublish);
  shard_.shared().start_publication(ticket);
}

void Connection::refuse_publish(std::uint32_t message_stream_id, const Error& error) {
  const RefusalStatus status = publish_refusal(error);
  shard_.shared().counters.publish_refused.fetch_add(1, std::memory_order_relaxed);
  if (shard_.may_log(now_us_))
    log::info(
        "publish refused",
        {{"peer", peer_.text}, {"status", status.number}, {"code", error.code}, {"message", error.message}});
  send(session_.reject_publish(message_stream_id, status.code, error.message));
  linger();
}

// Answers may come late, when the peer has given up and asked again.
bool Connection::owns(std::uint64_t publication_id) const {
  return publishing_ && publishing_->ticket->publication_id == publication_id;
}

void Connection::publish_refused(std::uint64_t publication_id, const Error& error) {
  if (state_ != State::kAskingPublish || !owns(publication_id)) return;
  now_us_ = monotonic_us();
  const std::uint32_t message_stream_id = publishing_->message_stream_id;
  publishing_.reset();
  refuse_publish(message_stream_id, error);
}

// The server's, or the stream's own where it is lower. What its owner wrote there may be no limit at all.
ResolutionLimit Connection::resolution_limit() const {
  const ResolutionLimit& limit = shard_.shared().config.max_resolution;
  const Result<ResolutionLimit> own = ResolutionLimit::parse(publishing_->limits.max_resolution);
  return own ? limit.with(*own) : limit;
}

std::uint64_t Connection::bitrate_limit() const {
  const std::uint64_t limit = std::uint64_t{shard_.shared().config.max_bitrate_mbps} * 1'000'000;
  const std::uint64_t own = std::uint64_t{publishing_->limits.max_bitrate_kbps} * 1000;
  return own > 0 && (limit == 0 || own < limit) ? own : limit;
}

// The bit rate is measured again from zero: an encoder that was lowered with the limit is not held to what it
// sent before.
void Connection::change_limits(const StreamLimits& limits) {
  publishing_->limits = limits;
  publishing_->limits_changed = true;
  if (state_ != State::kPublishing) return;
  now_us_ = monotonic_us();
  publishing_->bitrate = BitrateWindow(bitrate_limit());
  publishing_->publication->limit_resolution(resolution_limit());
  if (const Result<void> within = publishing_->publication->check_resolution(); !within)
    fail_publication(within.error());
}

// False: there are as many publishers as may be.
bool Connection::enter_publishers() {
  const std::uint32_t limit = shard_.shared().config.max_streams;
  std::atomic<std::uint64_t>& publishers = shard_.shared().counters.publishers;
  if (publishers.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
  publishers.fetch_sub(1, std::memory_order_relaxed);
  shard_.shared().counters.over_streams.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Connection::refuse_room(const LiveStream& stream, const Error& error) {
  publishing_->ticket->tell(PublisherGone{media::LogEnd::kNoSpace});
  publish_refused(stream.publication_id, error);
}

Result<std::unique_ptr<Publication>> Connection::create_publication(const LiveStream& stream) {
  const IngestConfig& config = shard_.shared().config;
  media::LogDescription description;
  description.stream_id = stream.stream_id;
  description.publication_id = stream.publication_id;
  // Auth's number; where its database was lost while the log stayed, the arena gives a higher one: whoever
  // reads the log goes by the epoch in it, and the stream's older logs must stay older.
  description.epoch = stream.epoch;
  description.started_wall_us = stream.started_wall_us;
  description.segment_target_ms = config.segment_ms;
  description.is_private = stream.is_private;
  description.retention.keep_us = std::chrono::microseconds(config.log_keep).count();
  description.retention.pinned_limit_us = pinned_limit_us(config);
  description.retention.guaranteed_bytes = config.log_stream_bytes;
  description.retention.max_bytes = std::max(config.log_stream_bytes, config.log_bytes / 2);
  auto log = shard_.shared().arena.create_log(description);
  if (!log) return tl::unexpected<Error>(log.error());
  const media::TimelineConfig timeline{(*log)->continuation(),
                                       media::longest_target_s(description.retention.pinned_limit_us)};
  auto publication = std::make_unique<Publication>(std::move(*log), timeline, stream.counters);
  publication->limit_resolution(resolution_limit());
  return publication;
}

void Connection::publish_accepted(const LiveStreamPtr& stream) {
  if (state_ != State::kAskingPublish || !owns(stream->publication_id)) return;
  now_us_ = monotonic_us();
  publishing_->stream = stream;
  if (!publishing_->limits_changed) publishing_->limits = stream->limits;
  if (!enter_publishers()) {
    return refuse_room(*stream, {"ingest.max_streams", "The server takes no more streams at the moment."});
  }
  auto publication = create_publication(*stream);
  if (!publication) {
    shard_.shared().counters.publishers.fetch_sub(1, std::memory_order_relaxed);
    log::error("no media log for a stream",
               {{"stream", stream->stream_id}, {"message", publication.error().message}});
    return refuse_room(*stream, {publication.error().code, "The server has no room for another stream."});
  }
  publishing_->publication = std::move(*publication);
  stream->slot = publishing_->publication->slot();
  log::info("publish accepted", {{"stream", stream->stream_id},
                                 {"publication", hex_id(stream->publication_id)},
                                 {"epoch", stream->epoch},
                                 {"peer", peer_.text}});
  publishing_->bitrate = BitrateWindow(bitrate_limit());
  send(session_.accept_publish(publishing_->message_stream_id));
  if (state_ == State::kGone) return;  // no room for the answer
  last_read_us_ = now_us_;
  enter(State::kPublishing);
  shard_.shared().streams.set_live(stream);
  take_held();
  flush();
}

void Connection::perform(const rtmp::MessageBegin& action) {
  if (state_ != State::kPublishing) return;
  if (const Result<void> begun = publishing_->publication->begin(action); !begun)
    fail_publication(begun.error());
}

void Connection::perform(const rtmp::MessageBytes& action) {
  if (state_ == State::kPublishing) publishing_->publication->append(action.chunk_stream_id, action.bytes);
}

void Connection::perform(const rtmp::MessageEnd& action) {
  if (state_ != State::kPublishing) return;
  const Result<void> ended = publishing_->publication->end(action.chunk_stream_id, {now_us_, wall_us_});
  if (!ended) return fail_publication(ended.error());
  if (publishing_->publication->any_refusals()) tell_refusals();
  if (state_ != State::kPublishing) return;
  if (!std::exchange(publishing_->dirty, true)) shard_.mark_dirty(*this);
}

// False: it sends more than it may, got a status and is closing.
bool Connection::within_bitrate(std::size_t bytes) {
  if (publishing_->bitrate.add(bytes, now_us_)) return true;
  shard_.shared().counters.over_bitrate.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t kbps = bitrate_limit() / 1000;
  fail_publication({"ingest.bitrate", "More than " + std::to_string(kbps) + " kbit/s over " +
                                          std::to_string(BitrateWindow::kSlots) +
                                          " s: lower the encoder's bit rate."});
  return false;
}

void Connection::perform(const rtmp::MessageAborted& action) {
  if (state_ == State::kPublishing) publishing_->publication->abort(action.chunk_stream_id);
}

void Connection::perform(const rtmp::PublishEnded&) {
  if (!publishing_) return;
  end_publication(media::LogEnd::kUnpublished);
  enter(State::kOpening);
}

// A track can't be taken; the others go on.
void Connection::tell_refusals() {
  for (const std::string& reason : publishing_->publication->take_refusals()) {
    if (shard_.may_log(now_us_))
      log::info("track refused", {{"stream", publishing_->stream->stream_id}, {"message", reason}});
    // A warning: clients take an error for the end of the stream.
    send(session_.status(publishing_->message_stream_id, rtmp::StatusLevel::kWarning,
                         rtmp::status::kPublishTrackRefused, reason));
    if (state_ != State::kPublishing) return;
  }
}

// What is sent can't be taken: the publisher gets the reason.
void Connection::fail_publication(const Error& error) {
  log::warning(
      "publication refused while live",
      {{"stream", publishing_->stream->stream_id}, {"code", error.code}, {"message", error.message}});
  shard_.shared().counters.publish_refused.fetch_add(1, std::memory_order_relaxed);
  if (error.code == "ingest.resolution")
    shard_.shared().counters.over_resolution.fetch_add(1, std::memory_order_relaxed);
  send(session_.end_publish(publishing_->message_stream_id, publish_refusal(error).code, error.message));
  if (state_ == State::kGone) return;
  end_publication(error.code == "media.no_space" ? media::LogEnd::kNoSpace : media::LogEnd::kProtocolError);
  linger();
}

void Connection::terminate_publication(media::LogEnd reason, std::string_view why) {
  if (!publishing_) return;
  now_us_ = monotonic_us();
  StatusText text = text_of(reason);
  if (!why.empty()) text.description = why;
  if (reason == media::LogEnd::kTimedOut)
    log::warning("publication timed out", {{"peer", peer_.text}, {"why", text.description}});
  const std::uint32_t message_stream_id = publishing_->message_stream_id;
  const bool accepted = state_ == State::kPublishing;
  end_publication(reason);
  send(accepted ? session_.end_publish(message_stream_id, text.code, text.description)
                : session_.reject_publish(message_stream_id, text.code, text.description));
  linger();
}

void Connection::end_publication(media::LogEnd reason) {
  const std::unique_ptr<Publishing> ended = std::move(publishing_);
  if (ended->publication) {
    ended->publication->finish(reason);
    publishing_ = nullptr;
    LiveStream& stream = *ended->stream;
    stream.committed.store(ended->publication->committed(), std::memory_order_release);
    if (ended->publication->take_tracks_changed()) {
      ended->ticket->tell(TracksChanged{ended->publication->tracks(), ended->publication->encoder()});
    }
    if (ended->publication->committed() > ended->announced) {
      shard_.shared().announcer.new_records(
          {{ended->stream, ended->announced, ended->publication->committed(),
            ended->publication->media_sequence(), ended->publication->arrival_us()}});
    }
    shard_.shared().streams.set_ended(ended->stream);
    shard_.shared().counters.publishers.fetch_sub(1, std::memory_order_relaxed);
    log::info("publication ended", {{"stream", stream.stream_id},
                                    {"publication", hex_id(stream.publication_id)},
                                    {"reason", static_cast<int>(reason)},
                                    {"records", ended->publication->committed()}});
  }
  ended->ticket->tell(PublisherGone{reason});
}

bool Connection::announce(std::int64_t now_us, std::int64_t interval_us, std::vector<NewRecords>& out) {
  if (state_ != State::kPublishing) return true;
  Publishing& p = *publishing_;
  p.dirty = false;
  const std::uint64_t committed = p.publication->committed();
  p.stream->committed.store(committed, std::memory_order_release);
  if (p.publication->take_tracks_changed()) {
    p.ticket->tell(TracksChanged{p.publication->tracks(), p.publication->encoder()});
  }
  if (committed > p.woken) {
    p.woken = committed;
    wake_players();
  }
  if (committed == p.announced) return true;
  if (now_us - p.announced_us < interval_us) {
    p.dirty = true;
    return false;
  }
  out.push_back(
      {p.stream, p.announced, committed, p.publication->media_sequence(), p.publication->arrival_us()});
  p.announced = committed;
  p.announced_us = now_us;
  return true;
}

void Connection::wake_players() {
  const LiveStreamPtr& stream = publishing_->stream;
  const std::uint64_t watching = stream->watching_shards.load(std::memory_order_acquire) |
                                 stream->forwarding_shards.load(std::memory_order_acquire);
  const std::vector<Shard*>& shards = shard_.shared().shards;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((watching & bit) == 0) continue;
    if (shards[i] == &shard_) {
      shard_.wake_players(stream);
    } else if ((stream->woken_shards.fetch_or(bit, std::memory_order_acq_rel) & bit) == 0) {
      shards[i]->post([other = shards[i], stream] { other->wake_players(stream); });
    }
  }
}

}  // namespace millrace::ingest
