// A fixed set of I/O threads, each with an io_context of its own: what belongs to one is never touched by
// another.
//
// Owner: the service, which starts it and stops it. context() from any thread; stop() and join() once, from
// outside.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace millrace::net {

class IoThreads {
 public:
  // name: of the threads in ps and top, at most 12 bytes; the number is appended. count of at least 1.
  IoThreads(std::string name, std::size_t count);
  ~IoThreads();  // stops and joins
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  void start();
  std::size_t size() const { return contexts_.size(); }
  boost::asio::io_context& context(std::size_t index) { return *contexts_[index]; }
  // Runs work on a thread; any thread may ask. Dropped when the threads have been stopped. What it throws is
  // survived (base/survive.hpp), as from any handler on the threads.
  void post(std::size_t index, std::function<void()> work);
  // Ends the threads after what they are doing now and waits for them. Handlers that were waiting never run.
  void stop();

 private:
  std::string name_;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::net
