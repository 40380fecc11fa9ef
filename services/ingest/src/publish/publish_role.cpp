#include "publish/publish_role.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "errors.hpp"
#include "media/errors.hpp"
#include "media/log_names.hpp"
#include "publish/publication_log.hpp"
#include "publish/publish_limits.hpp"
#include "publish/publish_ticket.hpp"
#include "publish/refusal_status.hpp"

namespace millrace::ingest {

namespace {

std::uint64_t add(std::atomic<std::uint64_t>& counter) {
  return counter.fetch_add(1, std::memory_order_relaxed);
}

std::int64_t microseconds(std::chrono::seconds duration) {
  return std::chrono::microseconds(duration).count();
}

}  // namespace

PublishRole::PublishRole(RoleConnection& connection, const PublishContext& context)
    : connection_(connection), session_(connection.session()), context_(context) {}

PublishRole::~PublishRole() = default;

void PublishRole::enter(Phase phase) {
  state_.phase = phase;
  state_.since_us = connection_.now_us();
}

// --- asking ---

void PublishRole::ask(rtmp::PublishRequested& request, const Post& post) {
  state_.message_stream_id = request.message_stream_id;
  if (!context_.config.is_name(request.app) || !context_.config.is_name(request.name))
    return reject({ingest::errors::kName, "The application or stream name is not valid."});
  while (state_.publication_id == kNoPublication) state_.publication_id = PublicationId{random_u64()};
  ticket_ = make_ticket(state_.publication_id, request, connection_.peer(), post);
  enter(Phase::kAsking);
  connection_.watch_readable(false);  // an encoder that does not wait is held by TCP
  context_.start_publication(ticket_);
}

bool PublishRole::hold(ByteView bytes) {
  if (state_.held.size() + bytes.size() > RoleConnection::kMaxBytesBeforeAcceptance) {
    connection_.close(media::LogEnd::kProtocolError, "sends too much before it is accepted");
    return false;
  }
  state_.held.insert(state_.held.end(), bytes.begin(), bytes.end());
  std::atomic<std::uint64_t>& all = context_.counters.held_bytes;
  if (all.fetch_add(bytes.size(), std::memory_order_relaxed) + bytes.size() <= kMaxHeldBytes) return true;
  end(media::LogEnd::kNoSpace);
  reject({"ingest.held_bytes", "Too many publishers wait for an answer at the moment: try again."});
  return false;
}

Bytes PublishRole::release_held() {
  context_.counters.held_bytes.fetch_sub(state_.held.size(), std::memory_order_relaxed);
  return std::exchange(state_.held, {});
}

void PublishRole::reject(const Error& error) {
  const RefusalStatus status = publish_refusal(error);
  add(context_.counters.publish_refused);
  if (connection_.may_log())
    log::info("publish refused", {{"peer", connection_.peer()},
                                  {"status", status.number},
                                  {"code", error.code},
                                  {"message", error.message}});
  connection_.send(session_.reject_publish(state_.message_stream_id, status.code, error.message));
  connection_.linger();
}

void PublishRole::refuse(PublicationId publication_id, const Error& error) {
  if (!asking() || publication_id != state_.publication_id) return;
  enter(Phase::kOver);
  reject(error);
}

// False: there are as many publishers as may be.
bool PublishRole::enter_publishers() {
  const std::uint32_t limit = context_.config.max_streams;
  std::atomic<std::uint64_t>& publishers = context_.counters.publishers;
  counted_ = true;
  if (add(publishers) < limit || limit == 0) return true;
  leave_publishers();
  add(context_.counters.over_streams);
  return false;
}

void PublishRole::leave_publishers() {
  if (std::exchange(counted_, false)) context_.counters.publishers.fetch_sub(1, std::memory_order_relaxed);
}

void PublishRole::refuse_room(const Error& error) {
  ticket_->report(PublisherGone{media::LogEnd::kNoSpace});
  refuse(state_.publication_id, error);
}

void PublishRole::accept(const LiveStreamPtr& stream) {
  if (!asking() || stream->publication_id != state_.publication_id) return;
  stream_ = stream;
  if (!state_.limits_changed) state_.limits = stream->limits;
  if (!enter_publishers())
    return refuse_room({ingest::errors::kMaxStreams, "The server takes no more streams at the moment."});
  Error error;
  const bool opened = context_.slates.publisher_comes(stream->stream_id, stream->publication_id, [&] {
    auto publication = open_publication(context_.arena, context_.config, *stream);
    if (publication) {
      publication_ = std::move(*publication);
    } else {
      error = publication.error();
    }
    return publication_ != nullptr;
  });
  if (!opened) {
    leave_publishers();
    log::error("no media log for a stream", {{"stream", stream->stream_id}, {"message", error.message}});
    return refuse_room({error.code, "The server has no room for another stream."});
  }
  started();
}

void PublishRole::started() {
  publication_->limit_resolution(resolution_limit(context_.config, state_.limits));
  stream_->slot = publication_->slot();
  // Records are counted from the log's first sequence on.
  state_.reports = RecordReports(publication_->committed());
  stream_->committed.store(publication_->committed(), std::memory_order_release);
  log::info("publish accepted", {{"stream", stream_->stream_id},
                                 {"publication", hex_id(stream_->publication_id)},
                                 {"epoch", number_of(stream_->epoch)},
                                 {"peer", connection_.peer()}});
  state_.bitrate = BitrateWindow(bitrate_limit(context_.config, state_.limits));
  if (!connection_.send(session_.accept_publish(state_.message_stream_id))) return;
  enter(Phase::kPublishing);
  connection_.watch_readable(true);
  context_.streams.set_live(stream_);
}

// --- publishing ---

void PublishRole::begin(const rtmp::MessageBegin& message) {
  if (!publishing()) return;
  if (const Result<void> begun = publication_->begin(message); !begun) fail(begun.error());
}

void PublishRole::append(const rtmp::MessageBytes& message) {
  if (publishing()) publication_->append(message.chunk_stream_id, message.bytes);
}

void PublishRole::end(const rtmp::MessageEnd& message, const MessageTimes& times) {
  if (!publishing()) return;
  const Result<void> ended = publication_->end(message.chunk_stream_id, times);
  if (!ended) return fail(ended.error());
  if (publication_->any_refusals()) report_refusals();
  state_.reports.note();
}

void PublishRole::abort(const rtmp::MessageAborted& message) {
  if (publishing()) publication_->abort(message.chunk_stream_id);
}

bool PublishRole::count_received(std::size_t bytes, std::int64_t now_us) {
  stream_->counters->received_bytes.store(session_.received_bytes(), std::memory_order_relaxed);
  if (state_.bitrate.add(bytes, now_us)) return true;
  add(context_.counters.over_bitrate);
  const std::uint64_t kbps = bitrate_limit(context_.config, state_.limits) / 1000;
  fail({ingest::errors::kBitrate, "More than " + std::to_string(kbps) + " kbit/s over " +
                                      std::to_string(BitrateWindow::kSlots) +
                                      " s: lower the encoder's bit rate."});
  return false;
}

// The bit rate is measured again from zero: an encoder that was lowered with the limit is not held to what it
// sent before.
void PublishRole::change_limits(const StreamLimits& limits) {
  state_.limits = limits;
  state_.limits_changed = true;
  if (!publishing()) return;
  state_.bitrate = BitrateWindow(bitrate_limit(context_.config, limits));
  publication_->limit_resolution(resolution_limit(context_.config, limits));
  if (const Result<void> within = publication_->check_resolution(); !within) fail(within.error());
}

// A track can't be taken; the others go on.
void PublishRole::report_refusals() {
  for (const std::string& reason : publication_->take_refusals()) {
    if (connection_.may_log())
      log::info("track refused", {{"stream", stream_->stream_id}, {"message", reason}});
    // A warning: clients take an error for the end of the stream.
    if (!connection_.send(session_.status(state_.message_stream_id, rtmp::StatusLevel::kWarning,
                                          rtmp::status::kPublishTrackRefused, reason)))
      return;
  }
}

void PublishRole::report_tracks() {
  if (publication_->take_tracks_changed())
    ticket_->report(TracksChanged{publication_->tracks(), publication_->encoder()});
}

bool PublishRole::report(std::vector<NewRecords>& out) {
  if (!publishing()) return false;
  const std::uint64_t committed = publication_->committed();
  stream_->committed.store(committed, std::memory_order_release);
  report_tracks();
  const RecordReports::Step step = state_.reports.report(progress());
  if (step.announce) out.push_back(records_from(step.first));
  return step.wake_readers;
}

RecordReports::Progress PublishRole::progress() const {
  return {publication_->committed(), publication_->closed_parts(), publication_->media_sequence()};
}

NewRecords PublishRole::records_from(std::uint64_t first) const {
  return {.stream = stream_,
          .first_sequence = first,
          .committed = publication_->committed(),
          .media_sequence = publication_->media_sequence(),
          .arrival_us = publication_->arrival_us(),
          .closed_parts = publication_->closed_parts()};
}

// --- the end ---

// What is sent can't be taken: the publisher gets the reason.
void PublishRole::fail(const Error& error) {
  log::warning("publication refused while live",
               {{"stream", stream_->stream_id}, {"code", error.code}, {"message", error.message}});
  add(context_.counters.publish_refused);
  if (error.code == ingest::errors::kResolution) add(context_.counters.over_resolution);
  if (!connection_.send(
          session_.end_publish(state_.message_stream_id, publish_refusal(error).code, error.message)))
    return;
  end(error.code == media::errors::kNoSpace ? media::LogEnd::kNoSpace : media::LogEnd::kProtocolError);
  connection_.linger();
}

void PublishRole::terminate(media::LogEnd reason, std::string_view why) {
  if (over()) return;
  EndStatus status = end_status(reason);
  if (!why.empty()) status.description = why;
  if (reason == media::LogEnd::kTimedOut)
    log::warning("publication timed out", {{"peer", connection_.peer()}, {"why", status.description}});
  const bool accepted = publishing();
  end(reason);
  connection_.send(accepted
                       ? session_.end_publish(state_.message_stream_id, status.code, status.description)
                       : session_.reject_publish(state_.message_stream_id, status.code, status.description));
  connection_.linger();
}

void PublishRole::end(media::LogEnd reason) {
  (void)release_held();
  if (over()) return;
  enter(Phase::kOver);
  if (publication_) finish(reason);
  leave_publishers();
  // Without one nobody has been asked: there was no memory for it.
  if (ticket_) ticket_->report(PublisherGone{reason});
}

void PublishRole::finish(media::LogEnd reason) {
  publication_->finish(reason);
  const std::uint64_t committed = publication_->committed();
  stream_->committed.store(committed, std::memory_order_release);
  report_tracks();
  // The end closes parts too, also where all records were announced.
  if (state_.reports.is_behind(progress()))
    context_.announcer.new_records({records_from(state_.reports.announced())});
  context_.streams.set_ended(stream_);
  log::info("publication ended", {{"stream", stream_->stream_id},
                                  {"publication", hex_id(stream_->publication_id)},
                                  {"reason", media::name_of(reason)},
                                  {"records", committed}});
  leave_slate(reason);
  publication_.reset();
}

// Somebody may come back: after the log's end, whose numbers the slate goes on from.
void PublishRole::leave_slate(media::LogEnd reason) {
  const std::int64_t now_us = connection_.now_us();
  const auto offset_us = publication_->clock_offset_us();
  context_.slates.publisher_left(
      {.stream_id = stream_->stream_id,
       .publication_id = stream_->publication_id,
       .is_private = stream_->is_private,
       .last_media_us = publication_->any_record() ? publication_->arrival_us() : 0,
       .may_return = reason != media::LogEnd::kRevoked},
      {now_us, offset_us ? WallTime::from_us(now_us + *offset_us) : wall_now()});
}

// --- time ---

// Bytes alone do not keep a publisher alive: pings and commands cost nothing to send. A message that is under
// way may take its time (a large key frame over a thin line), but not for ever.
void PublishRole::tick(std::int64_t last_read_us) {
  constexpr std::int64_t kUnderWay = 4;
  const std::int64_t now_us = connection_.now_us();
  if (asking() && now_us - state_.since_us > kDecisionUs) {
    add(context_.counters.timeouts);
    return connection_.close(media::LogEnd::kTimedOut, "no decision in time");
  }
  if (!publishing()) return;
  const std::uint64_t committed = publication_->committed();
  if (const Result<void> checked = publication_->check(now_us); !checked) return fail(checked.error());
  if (publication_->committed() != committed) state_.reports.note();
  const IngestConfig& config = context_.config;
  const bool began = publication_->any_record();
  const std::int64_t media_us = began ? publication_->arrival_us() : state_.since_us;
  const std::int64_t patience = microseconds(began ? config.read_timeout : config.first_media) *
                                (publication_->receiving() ? kUnderWay : 1);
  if (now_us - last_read_us > microseconds(config.read_timeout) || now_us - media_us > patience) time_out();
}

void PublishRole::time_out() {
  add(context_.counters.timeouts);
  const std::uint64_t dropped = stream_->counters->dropped_messages;
  if (dropped == 0) return terminate(media::LogEnd::kTimedOut);
  std::string why =
      "Nothing that can be used came for too long: " + std::to_string(dropped) + " messages were dropped.";
  const std::string_view refusal = publication_->newest_refusal();
  if (!refusal.empty()) why.append(" ").append(refusal);
  terminate(media::LogEnd::kTimedOut, why);
}

}  // namespace millrace::ingest
