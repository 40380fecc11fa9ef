// Finishes part files, one after the other, on a thread of its own. What fails is tried again, after 1 s and
// then twice as long each time, up to 5 minutes; others come first meanwhile. What is damaged is not tried
// again. Whatever a library throws (out of memory) is a failure like any other.
//
// The queue is only memory: the parts are on the disk, and a restarted service finds them there. Post from
// any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "reporter.hpp"
#include "retry.hpp"

namespace millrace::recording {

class FinishQueue {
 public:
  static constexpr std::int64_t kLongestRetryUs = 300'000'000;
  // finish_file in the directory of the recordings.
  using Finish = std::function<Result<FinishedFile>(const std::string& stem, const std::atomic<bool>& stop)>;

  FinishQueue(Finish finish, Reporter& reporter);
  // Breaks off the file that is being finished; leaves it and the others to the next start.
  ~FinishQueue();
  FinishQueue(const FinishQueue&) = delete;
  FinishQueue& operator=(const FinishQueue&) = delete;

  // A stem that is in the queue already stays once.
  void add(const std::string& stem, const std::string& stream_id);
  // The stream's files are not to be finished any more. False: one of them is being finished now, and stays.
  bool forget(const std::string& stream_id);
  // Waits until nothing is left that has not failed yet, or the deadline.
  void wait(std::chrono::steady_clock::time_point deadline);

 private:
  struct Job {
    std::string stream_id;
    Retry retry{kLongestRetryUs};
    bool failed = false;
    // Of the attempt, until it is reported: a file that is finished is not finished again. The thread's own.
    std::optional<Result<FinishedFile>> outcome;
    bool failure_reported = false;  // that of outcome was; the thread's own
  };

  void run();
  void finish_next(std::unique_lock<std::mutex>& lock);
  bool nothing_new() const;
  std::map<std::string, Job>::iterator next_due();
  Result<FinishedFile> try_finish(const std::string& stem);
  void report(const std::string& stem, Job& job);

  const Finish finish_;
  Reporter& reporter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Job> jobs_;  // by stem; the one at work stays in it
  std::string at_work_;              // its stem
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace millrace::recording
