// Finishes part files, one after the other, on a thread of its own; what fails is tried again with back-off.
// The queue is only memory: the parts are on the disk, and a restarted service finds them there. Post from
// any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "reporter.hpp"
#include "retry.hpp"

namespace millrace::recording {

class FinishQueue {
 public:
  FinishQueue(std::string directory, Reporter& reporter);
  // Breaks off the file that is being finished; leaves it and the others to the next start.
  ~FinishQueue();
  FinishQueue(const FinishQueue&) = delete;
  FinishQueue& operator=(const FinishQueue&) = delete;

  // A stem that is in the queue already stays once.
  void add(const std::string& stem, const std::string& stream_id);
  // Waits until nothing is left that has not failed yet, or the deadline.
  void wait(std::chrono::steady_clock::time_point deadline);

 private:
  struct Job {
    std::string stream_id;
    Retry retry;
    bool failed = false;
  };

  void run();
  bool nothing_new() const;
  std::map<std::string, Job>::iterator next_due();
  void finish(const std::string& stem, Job job);

  const std::string directory_;
  Reporter& reporter_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Job> jobs_;  // by stem; the one at work stays in it
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace millrace::recording
