#include "report.hpp"

#include "stream_health.hpp"

namespace millrace::metrics {

v1::StreamMetrics stream_metrics(const StreamReport& row, bool live) {
  v1::StreamMetrics stream;
  stream.set_stream_id(row.stream_id);
  stream.set_publication_id(number_of(row.publication_id));
  stream.set_live(live);
  stream.set_is_private(row.is_private);
  stream.set_app(row.app);
  stream.set_encoder(row.encoder);
  stream.set_video_codec(row.video_codec);
  stream.set_audio_codec(row.audio_codec);
  stream.set_width(row.width);
  stream.set_height(row.height);
  stream.set_started_wall_us(row.started_wall.us());
  stream.set_updated_wall_us(row.updated_wall.us());
  stream.set_duration_seconds(row.duration_seconds);
  stream.set_received_bytes(row.received_bytes);
  stream.set_sent_bytes(row.rtmp_sent_bytes + row.hls_sent_bytes);
  stream.set_total_viewers(row.total_viewers);
  stream.set_peak_viewers(row.peak_viewers);
  stream.set_dropped_frames(row.dropped_frames);
  stream.set_timestamp_jumps(row.timestamp_jumps);
  stream.set_key_interval_seconds(row.key_interval_seconds);
  stream.set_latency_ms(row.segment_latency_seconds * 1000);
  stream.set_interleaving_ms(row.interleaving_seconds * 1000);
  if (!live) return stream;
  stream.set_bitrate_kbps(row.bytes_per_second * 8 / 1000);
  stream.set_fps(row.frames_per_second);
  stream.set_viewers(row.viewers());
  stream.set_rtmp_viewers(row.rtmp_viewers);
  stream.set_health_score(row.health_score);
  for (const std::string_view reason : health_reasons(row.health_reasons))
    stream.add_health_reasons(std::string(reason));
  return stream;
}

}  // namespace millrace::metrics
