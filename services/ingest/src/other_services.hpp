// What ingest asks of other services and reports to them, as interfaces: the bus behind them in the program,
// stand-ins in tests. Every method may be called from any thread and never waits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "publication/track_format.hpp"
#include "streams/live_streams.hpp"

namespace millrace::ingest {

struct PublishQuestion {
  std::string app;
  std::string key;  // a secret
  std::string query;
  std::string peer_address;
  PublicationId publication_id{};
  std::string tc_url{};
  std::string flash_version{};
};
struct PublishDecision {
  bool allowed = false;
  std::string stream_id;
  Epoch epoch{};
  std::string session_id{};
  std::vector<std::string> forward_urls{};  // secrets, from outside: net::EgressPolicy first
  bool is_private = false;
  std::uint64_t play_tag = 0;
  // The stream's own limits, held to when they are lower than the server's; 0, empty: none.
  std::uint32_t max_bitrate_kbps = 0;
  std::string resolution{};
};
struct PlayQuestion {
  std::string app;
  std::string name;
  std::string peer_address;
  std::string query{};
  std::uint64_t play_id = 0;
  std::string tc_url{};
  std::string flash_version{};
};
struct PlayDecision {
  bool allowed = false;
  std::string stream_id;
  std::uint64_t play_tag = 0;
  bool report_end = false;  // auth wants to hear play_ended
};

class Authority {
 public:
  virtual ~Authority() = default;
  // The answer comes exactly once, on any thread; an error when nobody decided in time ("bus.deadline").
  virtual void may_publish(PublishQuestion question, std::function<void(Result<PublishDecision>)> answer) = 0;
  virtual void may_play(PlayQuestion question, std::function<void(Result<PlayDecision>)> answer) = 0;
};

// New records of a stream: [first_sequence, committed).
struct NewRecords {
  LiveStreamPtr stream;
  media::LogRole role = media::LogRole::kSource;
  std::uint64_t first_sequence = 0;
  std::uint64_t committed = 0;
  std::uint64_t media_sequence = 0;
  std::int64_t arrival_us = 0;
  std::uint64_t closed_parts = 0;  // of the log so far
};

class Announcer {
 public:
  virtual ~Announcer() = default;
  virtual void published(const LiveStream& stream, const std::vector<publication::TrackFormat>& tracks,
                         const std::string& encoder) = 0;
  virtual void ended(const LiveStream& stream, media::LogEnd reason) = 0;
  // Auth may have allowed this publication, but it was never announced.
  virtual void dropped(const std::string& stream_id, PublicationId publication_id, Epoch epoch,
                       media::LogEnd reason) = 0;
  virtual void play_ended(const std::string& stream_id, std::uint64_t play_id) = 0;
  virtual void statistics(const std::vector<LiveStreamPtr>& streams) = 0;
  // Of all streams that have some.
  virtual void new_records(const std::vector<NewRecords>& all) = 0;
};

}  // namespace millrace::ingest
