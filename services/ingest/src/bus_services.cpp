#include "bus_services.hpp"

#include "base/clock.hpp"
#include "base/reply_codes.hpp"
#include "base/secret.hpp"
#include "bus/v1/bus.pb.h"
#include "forward/forward_commands.hpp"

namespace millrace::ingest {

namespace {

std::string stream_key(const std::string& stream_id) {
  return "stream/" + stream_id;
}

media::LogEnd log_end(stream::v1::EndReason reason) {
  const bool named = stream::v1::EndReason_IsValid(reason) && reason != stream::v1::END_REASON_UNSPECIFIED;
  return named ? static_cast<media::LogEnd>(static_cast<int>(reason)) : media::LogEnd::kRevoked;
}

stream::v1::EndReason end_reason(media::LogEnd reason) {
  return static_cast<stream::v1::EndReason>(static_cast<int>(reason));  // the same numbers
}

bus::v1::Event statistics_event(const LiveStream& live) {
  bus::v1::Event event;
  stream::v1::StreamStatistics& statistics = *event.mutable_stream_statistics();
  PublicationCounters& counters = *live.counters;
  const std::int64_t now_us = monotonic_us();
  statistics.set_stream_id(live.stream_id);
  statistics.set_publication_id(number_of(live.publication_id));
  statistics.set_received_bytes(counters.received_bytes.load(std::memory_order_relaxed));
  statistics.set_video_frames(counters.video_frames.load(std::memory_order_relaxed));
  statistics.set_audio_frames(counters.audio_frames.load(std::memory_order_relaxed));
  statistics.set_key_frames(counters.key_frames.load(std::memory_order_relaxed));
  statistics.set_timestamp_jumps(counters.timestamp_jumps.load(std::memory_order_relaxed));
  statistics.set_last_key_interval_us(counters.last_key_interval_us.load(std::memory_order_relaxed));
  statistics.set_log_bytes(counters.log_bytes.load(std::memory_order_relaxed));
  statistics.set_players(live.players.load(std::memory_order_relaxed));
  statistics.set_sent_bytes(live.sent_bytes.load(std::memory_order_relaxed));
  statistics.set_player_frames_skipped(live.frames_skipped.load(std::memory_order_relaxed));
  statistics.set_players_began(live.players_began.load(std::memory_order_relaxed));
  statistics.set_frame_gaps(counters.frame_gaps.load(std::memory_order_relaxed));
  statistics.set_frame_duration_us(counters.frame_duration_us.load(std::memory_order_relaxed));
  statistics.set_since_key_us(counters.since_key_us.load(std::memory_order_relaxed));
  statistics.set_interleaving_us(counters.interleaving_us.load(std::memory_order_relaxed));
  statistics.set_media_time_us(counters.media_time_us.load(std::memory_order_relaxed));
  statistics.set_video_time_us(counters.video_time_us.load(std::memory_order_relaxed));
  statistics.set_refused_tracks(
      static_cast<std::uint32_t>(counters.refused_tracks.load(std::memory_order_relaxed)));
  statistics.set_longest_frame_us(counters.longest_frame_us.load(std::memory_order_relaxed));
  statistics.set_longest_pause_us(counters.pauses.take(now_us));
  statistics.set_measured_monotonic_us(now_us);
  return event;
}

}  // namespace

void BusAuthority::may_publish(PublishQuestion question,
                               std::function<void(Result<PublishDecision>)> answer) {
  bus::v1::Request request;
  auth::v1::AuthorizePublish& authorize = *request.mutable_authorize_publish();
  authorize.set_app(std::move(question.app));
  authorize.set_key(std::move(question.key));
  authorize.set_query(std::move(question.query));
  authorize.set_peer_address(std::move(question.peer_address));
  authorize.set_publication_id(number_of(question.publication_id));
  authorize.set_tc_url(std::move(question.tc_url));
  authorize.set_flash_version(std::move(question.flash_version));
  request.set_idempotency_key(random_hex(16));
  node_.request(
      "auth", std::move(request), deadline_, [answer = std::move(answer)](Result<bus::v1::Reply> reply) {
        if (!reply) return answer(tl::unexpected<Error>(reply.error()));
        const auth::v1::AuthorizePublishReply& decision = reply->authorize_publish();
        answer(
            PublishDecision{.allowed = decision.allowed(),
                            .stream_id = decision.stream_id(),
                            .epoch = Epoch{decision.epoch()},
                            .session_id = decision.session_id(),
                            .forward_urls = {decision.forward_urls().begin(), decision.forward_urls().end()},
                            .is_private = decision.is_private(),
                            .play_tag = decision.play_tag(),
                            .max_bitrate_kbps = decision.settings().max_bitrate_kbps(),
                            .resolution = decision.settings().resolution()});
      });
}

void BusAuthority::may_play(PlayQuestion question, std::function<void(Result<PlayDecision>)> answer) {
  bus::v1::Request request;
  auth::v1::AuthorizePlay& authorize = *request.mutable_authorize_play();
  authorize.set_app(std::move(question.app));
  authorize.set_name(std::move(question.name));
  authorize.set_peer_address(std::move(question.peer_address));
  authorize.set_query(std::move(question.query));
  authorize.set_play_id(question.play_id);
  authorize.set_tc_url(std::move(question.tc_url));
  authorize.set_flash_version(std::move(question.flash_version));
  node_.request("auth", std::move(request), deadline_,
                [answer = std::move(answer)](Result<bus::v1::Reply> reply) {
                  if (!reply) return answer(tl::unexpected<Error>(reply.error()));
                  const auth::v1::AuthorizePlayReply& decision = reply->authorize_play();
                  answer(PlayDecision{decision.allowed(), decision.stream_id(), decision.play_tag(),
                                      decision.report_end()});
                });
}

void BusAnnouncer::published(const LiveStream& live, const std::vector<TrackFormat>& tracks,
                             const std::string& encoder) {
  bus::v1::Event event;
  event.set_key(stream_key(live.stream_id));
  stream::v1::StreamPublished& published = *event.mutable_stream_published();
  published.set_stream_id(live.stream_id);
  published.set_publication_id(number_of(live.publication_id));
  published.set_epoch(number_of(live.epoch));
  published.set_arena(arena_);
  published.set_slot(number_of(live.slot));
  published.set_role(stream::v1::LOG_ROLE_SOURCE);
  published.set_origin_publication_id(number_of(live.publication_id));
  published.set_clock_domain(media::local_clock_domain());
  published.set_started_wall_us(live.started_wall.us());
  published.set_peer_address(live.peer_address);
  published.set_app(live.app);
  published.set_encoder(encoder);
  published.set_is_private(live.is_private);
  published.set_session_id(live.session_id);
  for (const TrackFormat& format : tracks) {
    stream::v1::Track& track = *published.add_tracks();
    track.set_track(format.description.track);
    track.set_codec(format.codec);
    track.set_width(format.description.width);
    track.set_height(format.description.height);
    track.set_sample_rate(format.description.sample_rate);
    track.set_channels(format.description.channels);
    track.set_timescale(format.description.timescale);
  }
  node_.publish(std::move(event));
}

void BusAnnouncer::ended(const LiveStream& live, media::LogEnd reason) {
  bus::v1::Event event;
  event.set_key(stream_key(live.stream_id));
  event.set_retracted(true);
  stream::v1::StreamEnded& ended = *event.mutable_stream_ended();
  ended.set_stream_id(live.stream_id);
  ended.set_publication_id(number_of(live.publication_id));
  ended.set_epoch(number_of(live.epoch));
  ended.set_reason(end_reason(reason));
  ended.set_role(stream::v1::LOG_ROLE_SOURCE);
  ended.set_ended_wall_us(wall_now().us());
  node_.publish(std::move(event));
}

void BusAnnouncer::dropped(const std::string& stream_id, PublicationId publication_id, Epoch epoch,
                           media::LogEnd reason) {
  bus::v1::Event event;
  stream::v1::PublicationDropped& dropped = *event.mutable_publication_dropped();
  dropped.set_stream_id(stream_id);
  dropped.set_publication_id(number_of(publication_id));
  dropped.set_epoch(number_of(epoch));
  dropped.set_reason(end_reason(reason));
  node_.publish(std::move(event));
}

void BusAnnouncer::play_ended(const std::string& stream_id, std::uint64_t play_id) {
  bus::v1::Event event;
  event.mutable_play_ended()->set_stream_id(stream_id);
  event.mutable_play_ended()->set_play_id(play_id);
  node_.publish(std::move(event));
}

void BusAnnouncer::statistics(const std::vector<LiveStreamPtr>& streams) {
  std::vector<bus::v1::Event> events;
  events.reserve(streams.size());
  for (const LiveStreamPtr& live : streams) events.push_back(statistics_event(*live));
  node_.publish(std::move(events));
}

void BusAnnouncer::new_records(const std::vector<NewRecords>& all) {
  std::vector<bus::v1::PointerBatch> batches(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const NewRecords& records = all[i];
    bus::v1::PointerBatch& batch = batches[i];
    batch.set_stream_id(records.stream->stream_id);
    batch.set_publication_id(number_of(records.stream->publication_id));
    batch.set_arena(arena_);
    batch.set_slot(number_of(records.stream->slot));
    batch.set_role(static_cast<stream::v1::LogRole>(records.role));  // the same numbers
    batch.set_first_sequence(records.first_sequence);
    batch.set_committed(records.committed);
    batch.set_media_sequence(records.media_sequence);
    batch.set_arrival_monotonic_us(records.arrival_us);
    batch.set_closed_parts(records.closed_parts);
  }
  node_.notify(std::move(batches));
}

void serve_commands(bus::Node& node, LiveStreams& streams, Forwards& forwards, Slates& slates) {
  node.serve([&streams, &forwards, &slates](const bus::v1::Request& request, const bus::Responder& respond) {
    if (answer_forward_command(request, respond, forwards)) return;
    if (request.has_change_limits()) {
      const stream::v1::ChangeLimits& ask = request.change_limits();
      if (!streams.change_limits(ask.stream_id(), {ask.max_bitrate_kbps(), ask.resolution()}))
        return respond.fail({reply_codes::kNotLive, "the stream is not live"});
      return respond(bus::v1::Reply{});
    }
    if (!request.has_close_stream())
      return respond.fail({"bus.unknown_request", "ingest does not answer this"});
    const bus::v1::CloseStream& ask = request.close_stream();
    const LiveStreams::Which which{.publication_id = PublicationId{ask.publication_id()},
                                   .up_to_epoch = Epoch{ask.up_to_epoch()}};
    const media::LogEnd reason = log_end(ask.reason());
    if (reason == media::LogEnd::kRevoked) slates.withdraw(ask.stream_id(), which);
    if (!streams.close(ask.stream_id(), which, reason)) {
      return respond.fail({reply_codes::kNotLive, "the stream is not live"});
    }
    respond(bus::v1::Reply{});
  });
}

}  // namespace millrace::ingest
