#include "metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "net/tls_certificate.hpp"

namespace millrace::ingest {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  Families() = default;
  explicit Families(std::vector<MetricFamily> first) : families_(std::move(first)) {}
  void counter(const std::string& name, const std::string& help, std::uint64_t value,
               std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    add("millrace_ingest_" + name + "_total", help, MetricType::Counter, std::move(metric));
  }
  void gauge(const std::string& name, const std::string& help, std::uint64_t value,
             std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = static_cast<double>(value);
    add("millrace_ingest_" + name, help, MetricType::Gauge, std::move(metric));
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  void add(const std::string& name, const std::string& help, MetricType type, ClientMetric metric) {
    if (families_.empty() || families_.back().name != name) families_.push_back({name, help, type, {}});
    families_.back().metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> families_;
};

std::uint64_t get(const std::atomic<std::uint64_t>& value) {
  return value.load(std::memory_order_relaxed);
}

void add_traffic(Families& out, const ServerCounters& c) {
  out.gauge("connections", "Open RTMP connections.", get(c.connections));
  out.gauge("publishers", "Publishers now.", get(c.publishers));
  out.gauge("players", "RTMP players now.", get(c.players));
  out.gauge("held_bytes", "Bytes that came with a publish and wait for auth's answer.", get(c.held_bytes));
  out.counter("connections", "RTMP connections accepted.", get(c.connections_total));
  out.counter("received_bytes", "Bytes received over RTMP.", get(c.received_bytes));
  out.counter("sent_bytes", "Bytes of media sent to RTMP players.", get(c.sent_bytes));
  out.counter("player_sends", "System calls that sent media to RTMP players.", get(c.player_sends));
}

void add_faults(Families& out, const ServerCounters& c) {
  out.counter("publish_refused", "Publish requests and publications refused.", get(c.publish_refused));
  out.counter("play_refused", "Play requests refused.", get(c.play_refused));
  out.counter("protocol_errors", "Connections closed for what they sent.", get(c.protocol_errors));
  out.counter("timeouts", "Connections closed at a deadline.", get(c.timeouts));
  out.counter("player_frames_skipped", "Frames that slow players skipped.", get(c.frames_skipped));
  out.counter("players_too_slow", "Players disconnected for being slow.", get(c.players_too_slow));
  out.counter("address_refused", "Connections refused because their address was at a limit.",
              get(c.address_refused));
  out.counter("address_bytes_exceeded",
              "Connections closed because their address sent too much before acceptance.",
              get(c.address_bytes));
  out.counter("proxied_connections", "Connections that a trusted proxy named a client for.", get(c.proxied));
  out.counter("tls_handshakes", "TLS handshakes that came to an end.", get(c.tls_handshakes));
  out.counter("tls_failures", "TLS handshakes that failed.", get(c.tls_failures));
  out.counter("over_bitrate", "Publishers closed for their bit rate.", get(c.over_bitrate));
  out.counter("over_resolution", "Publishers closed for their resolution.", get(c.over_resolution));
  out.counter("over_streams", "Publish requests refused because there were RTMP_MAX_STREAMS.",
              get(c.over_streams));
}

void add_server(Families& out, const Server& server) {
  out.counter("connections_refused", "Connections refused for lack of room or descriptors.",
              get(server.counters().over_limit) + server.listener_statistics().refused);
  const std::vector<net::PollerStatistics> pollers = server.poller_statistics();
  for (std::size_t i = 0; i < pollers.size(); ++i) {
    out.counter("wake_ups", "Wake-ups of an I/O thread.", pollers[i].wake_ups,
                {{"thread", std::to_string(i)}});
  }
  for (std::size_t i = 0; i < pollers.size(); ++i) {
    out.counter("ready_sockets", "Sockets found ready.", pollers[i].events, {{"thread", std::to_string(i)}});
  }
  for (std::size_t i = 0; i < pollers.size(); ++i) {
    out.gauge("gathering", "1 while a thread gathers reads under load.", pollers[i].gathering ? 1 : 0,
              {{"thread", std::to_string(i)}});
  }
}

void add_certificate(Families& out, const net::TlsCertificate& certificate) {
  out.counter("tls_certificate_replaced", "Changed pairs of certificate and key that were taken.",
              certificate.replaced());
  out.counter("tls_certificate_failed", "Looks that found no usable pair; the old one serves on.",
              certificate.failed());
  out.gauge(
      "tls_certificate_expires_seconds", "When the certificate in use expires, seconds since 1970.",
      static_cast<std::uint64_t>(std::max<std::int64_t>(certificate.current()->expires_at().seconds(), 0)));
}

// One row per forward; the key is no part of its target.
void add_forwards(Families& out, const Forwards& forwards) {
  const std::vector<ForwardStatusPtr> running = forwards.running();
  const auto labels = [](const ForwardStatus& status) -> std::vector<ClientMetric::Label> {
    return {{"forward", status.id}, {"stream", status.stream_id}, {"target", status.target}};
  };
  out.gauge("forwards", "Forwards that run.", running.size());
  for (const ForwardStatusPtr& status : running) {
    auto with_state = labels(*status);
    with_state.push_back({"state", std::string(name_of(status->state.load(std::memory_order_relaxed)))});
    with_state.push_back({"reason", std::string(name_of(status->reason.load(std::memory_order_relaxed)))});
    out.gauge("forward_state", "1: what a forward does, and why the last attempt failed.", 1,
              std::move(with_state));
  }
  const auto counter = [&](const std::string& name, const std::string& help,
                           std::atomic<std::uint64_t> ForwardStatus::*value) {
    for (const ForwardStatusPtr& status : running)
      out.counter(name, help, get((*status).*value), labels(*status));
  };
  counter("forward_attempts", "Connections that a forward tried.", &ForwardStatus::attempts);
  counter("forward_sent_bytes", "Bytes of media that a forward sent.", &ForwardStatus::sent_bytes);
  counter("forward_frames_skipped", "Frames that a slow forward skipped.", &ForwardStatus::frames_skipped);
}

void add_slates(Families& out, const Slates& slates) {
  out.gauge("slates", "Streams whose publisher is away and that have a slate.", slates.count());
}

void add_arena(Families& out, const media::ArenaWriter& arena) {
  const media::ArenaStatistics s = arena.statistics();
  out.gauge("log_bytes", "Size of the media log's arena.", s.total_bytes);
  out.gauge("log_page_bytes", "Size of the pages that most of the arena is mapped by.", s.page_bytes);
  out.gauge("log_huge_page_bytes", "Bytes of the arena in huge pages when it was opened.", s.huge_page_bytes);
  out.gauge("log_free_bytes", "Unused bytes of the arena.", s.free_bytes);
  out.gauge("log_guaranteed_bytes", "Bytes promised to live logs.", s.guaranteed_bytes);
  out.gauge("logs_live", "Media logs being written.", s.logs_live);
  out.gauge("logs_ended", "Ended media logs that are still kept.", s.logs_ended);
  out.gauge("log_readers", "Cursors of readers.", s.readers);
  out.counter("log_recycled_under_cursor", "Records recycled although a reader still wanted them.",
              s.records_recycled_under_cursor);
}

void add_bus(Families& out, const bus::Node& node) {
  const bus::Statistics s = node.statistics();
  out.counter("bus_sent", "Messages sent on the bus.", s.sent);
  out.counter("bus_received", "Messages received from the bus.", s.received);
  out.counter("bus_dropped", "Messages dropped at a bound.", s.dropped);
  out.counter("bus_malformed", "Frames that were no message.", s.malformed);
  out.counter("bus_deadlines", "Requests that ran out of time.", s.deadlines);
}

class IngestMetrics final : public prometheus::Collectable {
 public:
  explicit IngestMetrics(const MetricSources& sources) : sources_(sources) {}

  std::vector<MetricFamily> Collect() const override {
    Families out(families_of(sources_.server.counters()));
    add_server(out, sources_.server);
    if (sources_.certificate != nullptr) add_certificate(out, *sources_.certificate);
    add_forwards(out, sources_.server.forwards());
    add_slates(out, sources_.server.slates());
    add_arena(out, sources_.arena);
    add_bus(out, sources_.node);
    std::uint64_t dropped = 0;
    std::uint64_t refused = 0;
    for (const LiveStreamPtr& stream : sources_.streams.all()) {
      dropped += get(stream->counters->dropped_messages);
      refused += get(stream->counters->refused_tracks);
    }
    out.gauge("dropped_messages", "Unusable messages of the live publications.", dropped);
    out.gauge("refused_tracks", "Tracks of the live publications that can't be taken.", refused);
    return out.take();
  }

 private:
  MetricSources sources_;
};

}  // namespace

std::vector<MetricFamily> families_of(const ServerCounters& counters) {
  Families out;
  add_traffic(out, counters);
  add_faults(out, counters);
  return out.take();
}

std::shared_ptr<prometheus::Collectable> make_metrics(const MetricSources& sources) {
  return std::make_shared<IngestMetrics>(sources);
}

}  // namespace millrace::ingest
