// What packaging counts, in prometheus-cpp's terms. Names: millrace_packaging_*. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

namespace prometheus {
class Collectable;
}

namespace millrace::packaging {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void pointer_received(double delay_seconds);  // after the newest record's arrival
  void segment_listed(double delay_seconds);    // after its last sample's arrival
  void part_listed(double delay_seconds);       // after the arrival of the frame that closed it
  void part_answered(double delay_seconds);     // the same, to who had asked for it before
  void playlist_served();
  void playlist_age(double seconds);  // of one that was handed out: since its newest sample arrived
  void part_served(std::uint64_t bytes);
  void segment_served(std::uint64_t bytes);
  void init_segment_served();
  void not_found();
  void gone();
  void refused_by_gate(int status);  // by playback_gate.hpp
  // As players report it of themselves (cmcd.hpp).
  void player_starved();
  void player_buffer(double seconds);
  void refused();       // a delivery directive, 400
  void wait_refused();  // too many wait, 503
  void waiting(std::size_t count);
  void events_read(std::uint64_t taken, std::uint64_t refused);  // data messages for players
  void flv_viewer_came();
  void flv_viewer_left();
  void flv_viewer_too_slow();
  void stream_actor_started();
  void streams(std::size_t count);
  void viewers(std::size_t count);

  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace millrace::packaging
