// Keeps a child at each live source, or at each that something is wanted of: looks into the media log,
// starts, says what is wanted, notes who ended, and clears away the arenas that nobody has use for any more.
//
//   media log ──> live publications ──> planners ──> what can be made ──> announced
//   packaging ──> what is wanted ─────> table ──> children, and what each is to make
//
// Owner: the service. look() on one thread at a time; want(), stop() on any; after stop() look() does
// nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "child_table.hpp"
#include "demand_table.hpp"
#include "encoder_trial.hpp"
#include "media/arena_set.hpp"
#include "metrics.hpp"
#include "planners.hpp"
#include "process.hpp"
#include "runtime/health.hpp"

namespace millrace::transcoding {

struct WatcherSettings {
  std::string program;                   // millrace-transcoder
  std::string directory;                 // of the media log
  std::vector<std::string> arguments;    // of every child
  std::vector<std::string> environment;  // of every child
  std::size_t most_children = 4;
  // What can be made is announced, and made when it is wanted, and for so long afterwards; absent: all is
  // made all the time.
  std::optional<std::chrono::milliseconds> linger;
  // It is tried first of all, and children are told what came of it; empty: they choose themselves.
  std::string encoder{};
  // The fact of a stream has changed, or (false) ended.
  std::function<void(const v1::RenditionsPlanned&, bool there)> announce{};
};

class Watcher {
 public:
  // What a child's logs are kept for, and then some: an arena without a writer goes after that.
  static constexpr std::int64_t kKeepArenaUs = 120'000'000;
  static constexpr std::size_t kMostHeard = 8192;

  Watcher(WatcherSettings settings, std::shared_ptr<runtime::Health> health);

  // Once now and then. Blocking: it lists a directory.
  void look(std::int64_t now_us);
  // Counts at the next look(). Never waits; of more than kMostHeard until then the newest are not heard.
  void want(const v1::RenditionsWanted& wanted);
  // Ends all children: asks them, and kills what is still there at the deadline.
  void stop(std::int64_t deadline_us);

  const Metrics& metrics() const { return metrics_; }

 private:
  struct Child {
    std::string stream_id{};
    ProcessPipes pipes{};
    StatusLines lines{};
    ChildStatus status{};
    Wanted told{};
  };

  bool is_on_demand() const { return settings_.linger.has_value(); }
  bool has_encoder(ChildTable::Time now);
  void begin_planning();
  void note_ended(std::int64_t now_us);
  void note_end(PublicationId publication, const ProcessEnd& end, std::int64_t now_us);
  std::vector<LivePublication> live_publications();
  std::optional<Wanted> wanted_of(PublicationId publication) const;
  std::vector<LivePublication> with_wishes(std::vector<LivePublication> live) const;
  void start(const LivePublication& publication, std::int64_t now_us);
  void tell_children();
  void hear_children();
  void hear_wanted(std::int64_t now_us);
  void announce(const std::vector<LivePublication>& live);
  std::string refusal(PublicationId publication) const;
  void clear_arenas(const std::vector<LivePublication>& live, std::int64_t now_us);
  void report();

  const WatcherSettings settings_;
  const std::shared_ptr<runtime::Health> health_;
  std::mutex mutex_;
  ChildTable table_;
  std::mutex heard_mutex_;
  std::vector<v1::RenditionsWanted> heard_;
  DemandTable demand_;
  std::optional<Planners> planners_;  // on demand
  std::map<PublicationId, Child> children_;
  std::map<std::string, v1::RenditionsPlanned> announced_;  // by stream
  Metrics metrics_;
  bool stopped_ = false;
  std::string trouble_;                          // of the log
  bool no_encoder_ = false;                      // a child says so
  std::optional<EncoderTrial> trial_;            // until an encoder is chosen
  std::string encoder_;                          // that was chosen
  std::map<std::string, std::int64_t> idle_us_;  // arenas of children, since when nobody writes to them
};

}  // namespace millrace::transcoding
