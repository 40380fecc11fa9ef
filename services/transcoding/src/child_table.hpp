// Which publications have a child, which are to get one, and which have been given up. Pure: what is live
// (and wanted) and what ended go in, what to start comes out.
//
//   live ──> waiting ──due, and room──> running ──ended, still live──> waiting, longer each time
//                                          │                    └──too often in a row──> given up
//                                          └──not live any more: it is to end, and ends──> forgotten
//
// One child a stream: that of its newest live publication, once that of an earlier one has ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/publication_ids.hpp"

namespace millrace::transcoding {

struct LivePublication {
  std::string stream_id;
  PublicationId publication{};
  std::uint32_t picture = 0;  // index of the picture's newest configuration, in the log
};

class ChildTable {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed point
  // A child that lives so long has not failed.
  static constexpr Time kLongLife{60'000};
  static constexpr Time kFirstDelay{1000};
  static constexpr Time kLongestDelay{30'000};
  static constexpr unsigned kMostFailures = 6;  // in a row; then the publication is given up

  struct Counts {
    std::size_t running = 0;
    std::size_t waiting = 0;  // for its time, or for room
    std::size_t given_up = 0;
  };

  explicit ChildTable(std::size_t most_children) : most_(most_children) {}

  // live: all that are, at most one per stream. What is to be started now; each is answered by started() or
  // failed().
  std::vector<LivePublication> look(const std::vector<LivePublication>& live, Time now);
  void started(PublicationId publication, int pid, Time now);
  // It could not be started, or it ended: also with success, if its publication is live at the next look; but
  // what was unwanted has not failed.
  void failed(PublicationId publication, Time now);
  // The publication gets no child any more.
  void give_up(PublicationId publication);

  // Of those that run.
  std::map<PublicationId, int> pids() const;
  // Those among them that nobody has, or had at any look, use for: they are to end.
  std::map<PublicationId, int> unwanted() const;
  bool is_full() const { return pids().size() >= most_; }
  bool is_given_up(PublicationId publication) const;
  Counts counts() const;

 private:
  enum class Phase : std::uint8_t { kWaiting, kStarting, kRunning, kGivenUp };
  struct Child {
    std::string stream_id;
    Phase phase = Phase::kWaiting;
    int pid = 0;
    bool live = true;
    bool unwanted = false;  // while it ran
    Time due{0};
    Time began{0};
    unsigned failures = 0;  // in a row
  };
  bool is_stream_busy(const std::string& stream_id) const;

  std::size_t most_;
  std::map<PublicationId, Child> children_;
};

}  // namespace millrace::transcoding
