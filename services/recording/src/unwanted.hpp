// The streams of which nothing recorded is to stay, as auth names them, and the look that deletes it. A look
// costs nothing while nothing has changed; what is in use or could not be deleted is looked for again.
// Thread-safe; looks, which block, come one after the other.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "finish_queue.hpp"
#include "removal.hpp"
#include "reporter.hpp"

namespace millrace::recording {

class Unwanted {
 public:
  // What auth has named and would not be taken: more than it names at a start and in years of running.
  static constexpr std::size_t kMostStreams = 65'536;

  void add(std::string stream_id);
  // All that auth names now.
  void replace(const std::vector<std::string>& stream_ids);
  bool contains(std::string_view stream_id) const;

  // recorded: streams whose publications are still written. Their parts stay until the next look, as do those
  // that are being finished; what only waits to be finished is forgotten and deleted.
  void look(const std::string& directory, const StreamIds& recorded, FinishQueue& finish_queue,
            Reporter& reporter);

 private:
  StreamIds begin_look();

  std::mutex looking_;
  mutable std::mutex mutex_;  // guards what follows
  StreamIds streams_;
  bool changed_ = false;
};

}  // namespace millrace::recording
