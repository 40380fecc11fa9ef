// A few threads for blocking file work. Owned by the service; post from any thread.
//
// Bound: each recording has at most one job here, so the queue is never longer than the number of recordings.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace::recording {

class WorkerPool {
 public:
  explicit WorkerPool(unsigned threads);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // What a job throws is survived; a caller that waits for it hears nothing. Ignored after stop().
  void post(std::function<void()> job);
  // Runs what was begun to its end, drops what waits. Not from a job.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::recording
