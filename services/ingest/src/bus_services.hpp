// Authority and Announcer over the bus.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "bus/node.hpp"
#include "forward/forwards.hpp"
#include "other_services.hpp"
#include "streams/slates.hpp"

namespace millrace::ingest {

class BusAuthority : public Authority {
 public:
  // node outlives this. deadline: how long a decision may take.
  BusAuthority(bus::Node& node, std::chrono::milliseconds deadline) : node_(node), deadline_(deadline) {}
  void may_publish(PublishQuestion question, std::function<void(Result<PublishDecision>)> answer) override;
  void may_play(PlayQuestion question, std::function<void(Result<PlayDecision>)> answer) override;

 private:
  bus::Node& node_;
  std::chrono::milliseconds deadline_;
};

class BusAnnouncer : public Announcer {
 public:
  // arena: which one the logs are in.
  BusAnnouncer(bus::Node& node, std::string arena) : node_(node), arena_(std::move(arena)) {}
  void published(const LiveStream& stream, const std::vector<TrackFormat>& tracks,
                 const std::string& encoder) override;
  void ended(const LiveStream& stream, media::LogEnd reason) override;
  void dropped(const std::string& stream_id, PublicationId publication_id, Epoch epoch,
               media::LogEnd reason) override;
  void play_ended(const std::string& stream_id, std::uint64_t play_id) override;
  void statistics(const std::vector<LiveStreamPtr>& streams) override;
  void new_records(const std::vector<NewRecords>& all) override;

 private:
  bus::Node& node_;
  const std::string arena_;
};

// Answers CloseStream, ChangeLimits, StartForward, StopForward and ListForwards. All of it outlives the
// node's callbacks.
void serve_commands(bus::Node& node, LiveStreams& streams, Forwards& forwards, Slates& slates);

}  // namespace millrace::ingest
