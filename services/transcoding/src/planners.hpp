// What can be made of each live publication, found out by short-lived children (millrace-transcoder
// --plan). One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "child_table.hpp"
#include "plan_line.hpp"
#include "process.hpp"

namespace millrace::transcoding {

class Planners {
 public:
  using Time = ChildTable::Time;
  static constexpr std::size_t kMostAtOnce = 2;
  static constexpr Time kFirstWait{500};  // while too little is known of a source: 0.5, 1, 2, 4, 8 s
  static constexpr Time kLongestWait{8'000};
  static constexpr Time kBetween{5'000};    // plans of one publication, whose picture changes
  static constexpr Time kLongest{30'000};   // then it is killed
  static constexpr Time kFirstDelay{1000};  // after failures: 1, 2, 4, … s
  static constexpr Time kLongestDelay{30'000};
  static constexpr unsigned kMostFailures = 6;  // then the publication has no plan

  struct Settings {
    std::string program;
    std::vector<std::string> arguments;  // of every child
    std::vector<std::string> environment;
    std::string encoder;
  };
  explicit Planners(Settings settings) : settings_(std::move(settings)) {}
  ~Planners();
  Planners(const Planners&) = delete;
  Planners& operator=(const Planners&) = delete;

  // live: all that are, at most one a stream. Starts, reads and forgets; plans again what has another picture
  // by now.
  void look(const std::vector<LivePublication>& live, Time now);
  // nullptr: not known yet, or never will be. While it is planned again: what it was.
  const StreamPlan* plan(PublicationId publication) const;
  // Publications that have none and get none any more.
  std::size_t given_up() const;

 private:
  struct Planner {
    std::string stream_id;
    std::optional<StreamPlan> plan{};
    int pid = 0;
    ProcessPipes pipes{};
    std::string said{};
    Time due{0};
    Time began{0};
    unsigned failures = 0;  // in a row
    unsigned waits = 0;     // in a row
    std::uint32_t picture = 0;
    bool live = true;
    bool is_needed() const { return live && failures <= kMostFailures && (!plan || plan->picture < picture); }
  };
  // What is to be planned now, the longest due first.
  std::vector<PublicationId> in_turn(Time now) const;
  void start(PublicationId publication, Planner& planner, Time now);
  void read(Planner& planner, Time now);
  void ended(Planner& planner, const ProcessEnd& end, Time now);
  void failed(Planner& planner, const std::string& why, Time now);

  Settings settings_;
  std::map<PublicationId, Planner> planners_;
};

// As --publication takes it.
std::string hex(PublicationId publication);

}  // namespace millrace::transcoding
