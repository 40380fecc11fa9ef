// Keeps a child at each live source: looks into the media log, starts, notes who ended, and clears away the
// arenas that nobody has use for any more.
//
// Owner: the service. look() on one thread at a time; stop() on any, afterwards look() does nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "child_table.hpp"
#include "media/arena_set.hpp"
#include "metrics.hpp"
#include "process.hpp"
#include "runtime/health.hpp"

namespace millrace::transcoding {

struct WatcherSettings {
  std::string program;                   // millrace-transcoder
  std::string directory;                 // of the media log
  std::vector<std::string> arguments;    // of every child
  std::vector<std::string> environment;  // of every child
  std::size_t most_children = 4;
};

class Watcher {
 public:
  // What a child's logs are kept for, and then some: an arena without a writer goes after that.
  static constexpr std::int64_t kKeepArenaUs = 120'000'000;

  Watcher(WatcherSettings settings, std::shared_ptr<runtime::Health> health)
      : settings_(std::move(settings)), health_(std::move(health)), table_(settings_.most_children) {}

  // Once now and then. Blocking: it lists a directory.
  void look(std::int64_t now_us);
  // Ends all children: asks them, and kills what is still there at the deadline.
  void stop(std::int64_t deadline_us);

  const Metrics& metrics() const { return metrics_; }

 private:
  void note_ended(std::int64_t now_us);
  void note_end(PublicationId publication, const ProcessEnd& end, std::int64_t now_us);
  std::vector<LivePublication> live_publications();
  void start(const LivePublication& publication, std::int64_t now_us);
  void clear_arenas(const std::vector<LivePublication>& live, std::int64_t now_us);
  void report();

  const WatcherSettings settings_;
  const std::shared_ptr<runtime::Health> health_;
  std::mutex mutex_;
  ChildTable table_;
  Metrics metrics_;
  bool stopped_ = false;
  std::string trouble_;  // of the log, or of the encoder
  bool no_encoder_ = false;
  std::map<std::string, std::int64_t> idle_us_;  // arenas of children, since when nobody writes to them
};

}  // namespace millrace::transcoding
