#include "metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace millrace::packaging {
namespace {

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& delays(prometheus::Registry& registry, const char* name, const char* help) {
  const prometheus::Histogram::BucketBoundaries seconds = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                           0.1,    0.2,   0.5,   1,     2,    5};
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, seconds);
}

}  // namespace

struct Metrics::Families {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  prometheus::Histogram& pointer_delay =
      delays(*registry, "millrace_packaging_pointer_delay_seconds",
             "From a sample's last byte at the server to its notification here.");
  prometheus::Histogram& segment_delay =
      delays(*registry, "millrace_packaging_segment_delay_seconds",
             "From a segment's last byte at the server to its place in the playlist.");
  prometheus::Histogram& part_delay = delays(
      *registry, "millrace_packaging_part_delay_seconds",
      "From the last byte of the frame that closes a part, at the server, to where the part can be had.");
  prometheus::Histogram& part_answer_delay =
      delays(*registry, "millrace_packaging_part_answer_delay_seconds",
             "From the last byte of the frame that closes a part, at the server, to where a request that "
             "waited for the part has it as its answer.");
  prometheus::Histogram& playlist_age = delays(
      *registry, "millrace_packaging_playlist_age_seconds",
      "Age of the newest sample in a media playlist that is handed out, since its arrival at the server.");
  prometheus::Counter& playlists =
      counter(*registry, "millrace_packaging_playlists_total", "Playlists handed out.");
  prometheus::Counter& segments =
      counter(*registry, "millrace_packaging_segments_total", "Segments handed out.");
  prometheus::Counter& segment_bytes =
      counter(*registry, "millrace_packaging_segment_bytes_total", "Bytes of the segments handed out.");
  prometheus::Counter& parts = counter(*registry, "millrace_packaging_parts_total", "Parts handed out.");
  prometheus::Counter& part_bytes =
      counter(*registry, "millrace_packaging_part_bytes_total", "Bytes of the parts handed out.");
  prometheus::Counter& init_segments =
      counter(*registry, "millrace_packaging_init_segments_total", "Init segments handed out.");
  prometheus::Counter& unknown =
      counter(*registry, "millrace_packaging_not_found_total", "Requests for what never was there (404).");
  prometheus::Counter& past =
      counter(*registry, "millrace_packaging_gone_total", "Requests for what is not there any more (410).");
  prometheus::Counter& starved =
      counter(*registry, "millrace_packaging_player_rebuffering_total",
              "Requests of players that had nothing left to play, as they report (CMCD bs).");
  prometheus::Histogram& buffer =
      prometheus::BuildHistogram()
          .Name("millrace_packaging_player_buffer_seconds")
          .Help("What players have left to play when they ask, as they report (CMCD bl).")
          .Register(*registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64});
  prometheus::Counter& forbidden =
      counter(*registry, "millrace_packaging_forbidden_total", "Requests for private streams (403).");
  prometheus::Counter& refused = counter(*registry, "millrace_packaging_refused_directives_total",
                                         "Playlist requests with delivery directives that are none (400).");
  prometheus::Counter& waits_refused =
      counter(*registry, "millrace_packaging_waits_refused_total",
              "Requests for what is to come that were too many to wait (503).");
  prometheus::Gauge& waiting = gauge(*registry, "millrace_packaging_waiting_requests",
                                     "Requests that wait for a part, a segment or a playlist that has it.");
  prometheus::Counter& events = counter(*registry, "millrace_packaging_timed_events_total",
                                        "Splices and timed texts of encoders that are passed on to players.");
  prometheus::Counter& events_refused =
      counter(*registry, "millrace_packaging_timed_events_refused_total",
              "Splices and timed texts that are not: damaged, too large, or too many in a segment.");
  prometheus::Counter& starts = counter(*registry, "millrace_packaging_stream_starts_total",
                                        "Starts and restarts of a stream's actor.");
  prometheus::Gauge& flv_viewers =
      gauge(*registry, "millrace_packaging_flv_viewers",
            "Connections of HTTP-FLV and WebSocket-FLV viewers, waiting ones too.");
  prometheus::Counter& flv_too_slow = counter(*registry, "millrace_packaging_flv_too_slow_total",
                                              "FLV viewers disconnected for being too slow.");
  prometheus::Gauge& streams =
      gauge(*registry, "millrace_packaging_streams", "Streams with media in the log.");
  prometheus::Gauge& viewers = gauge(*registry, "millrace_packaging_viewers",
                                     "Players that asked for a playlist lately, and FLV viewers.");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::pointer_received(double delay_seconds) {
  families_->pointer_delay.Observe(delay_seconds);
}
void Metrics::segment_listed(double delay_seconds) {
  families_->segment_delay.Observe(delay_seconds);
}
void Metrics::part_listed(double delay_seconds) {
  families_->part_delay.Observe(delay_seconds);
}
void Metrics::part_answered(double delay_seconds) {
  families_->part_answer_delay.Observe(delay_seconds);
}
void Metrics::playlist_age(double seconds) {
  families_->playlist_age.Observe(seconds);
}
void Metrics::part_served(std::uint64_t bytes) {
  families_->parts.Increment();
  families_->part_bytes.Increment(static_cast<double>(bytes));
}
void Metrics::refused() {
  families_->refused.Increment();
}
void Metrics::wait_refused() {
  families_->waits_refused.Increment();
}
void Metrics::waiting(std::size_t count) {
  families_->waiting.Set(static_cast<double>(count));
}
void Metrics::playlist_served() {
  families_->playlists.Increment();
}
void Metrics::segment_served(std::uint64_t bytes) {
  families_->segments.Increment();
  families_->segment_bytes.Increment(static_cast<double>(bytes));
}
void Metrics::init_segment_served() {
  families_->init_segments.Increment();
}
void Metrics::not_found() {
  families_->unknown.Increment();
}
void Metrics::player_starved() {
  families_->starved.Increment();
}
void Metrics::player_buffer(double seconds) {
  families_->buffer.Observe(seconds);
}
void Metrics::refused_by_gate(int status) {
  if (status == 404) not_found();
  if (status == 401 || status == 403) families_->forbidden.Increment();
}
void Metrics::gone() {
  families_->past.Increment();
}
void Metrics::events_read(std::uint64_t taken, std::uint64_t refused) {
  families_->events.Increment(static_cast<double>(taken));
  families_->events_refused.Increment(static_cast<double>(refused));
}
void Metrics::flv_viewer_came() {
  families_->flv_viewers.Increment();
}
void Metrics::flv_viewer_left() {
  families_->flv_viewers.Decrement();
}
void Metrics::flv_viewer_too_slow() {
  families_->flv_too_slow.Increment();
}
void Metrics::stream_actor_started() {
  families_->starts.Increment();
}
void Metrics::streams(std::size_t count) {
  families_->streams.Set(static_cast<double>(count));
}
void Metrics::viewers(std::size_t count) {
  families_->viewers.Set(static_cast<double>(count));
}

std::shared_ptr<prometheus::Collectable> Metrics::collectable() const {
  return families_->registry;
}

}  // namespace millrace::packaging
