// Which publications have a child, which are to get one, and which have been given up. Pure: what is live
// (and wanted) and what ended go in, what to start comes out.
//
//   wanted ──> waiting ──due, and room──> running ──ended, still live──> waiting, longer each time
//                                          │ │                  └──too often in a row──> given up
//                                          │ └──live, but not wanted any more: it is to end──> ended
//                                          └──not live any more: it ends by itself, in kLongestEnd
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
  bool wanted = true;         // something is to be made of it
};

class ChildTable {
 public:
  using Time = std::chrono::milliseconds;  // since any fixed point
  // A child that lives so long has not failed.
  static constexpr Time kLongLife{60'000};
  static constexpr Time kFirstDelay{1000};
  static constexpr Time kLongestDelay{30'000};
  static constexpr unsigned kMostFailures = 6;  // in a row; then the publication is given up
  // A child whose publication has ended writes what is left and ends by itself; after that it is to end.
  static constexpr Time kLongestEnd{60'000};

  struct Counts {
    std::size_t running = 0;
    std::size_t waiting = 0;  // for its time, or for room
    std::size_t given_up = 0;
  };

  explicit ChildTable(std::size_t most_children) : most_(most_children) {}

  // live: all that are, at most one per stream, wanted or not. What is to be started now; each is answered by
  // started() or failed().
  std::vector<LivePublication> look(const std::vector<LivePublication>& live, Time now);
  void started(PublicationId publication, int pid, Time now);
  // It could not be started, or it ended: also with success, if its publication is live at the next look; but
  // what was unwanted has not failed.
  void failed(PublicationId publication, Time now);
  // The publication gets no child any more, however often it is wanted again.
  void give_up(PublicationId publication);

  // Of those that run.
  std::map<PublicationId, int> pids() const;
  // Those among them that are to end: live ones that nobody has, or had at any look, use for, and those of
  // publications that ended kLongestEnd ago.
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
    bool wanted = true;
    bool unwanted = false;  // while it ran
    Time last_live{0};
    Time due{0};
    Time began{0};
    unsigned failures = 0;  // in a row
  };
  void note(const LivePublication& live, Time now);
  bool is_stream_busy(const std::string& stream_id) const;

  std::size_t most_;
  std::map<PublicationId, Child> children_;
};

}  // namespace millrace::transcoding
