#include "net/io_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/survive.hpp"

namespace millrace::net {

IoThreads::IoThreads(std::string name, std::size_t count) : name_(std::move(name)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
  }
}

IoThreads::~IoThreads() {
  stop();
}

void IoThreads::start() {
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(),
                         (name_.substr(0, 12) + "-" + std::to_string(i)).substr(0, 15).c_str());
      const auto work = boost::asio::make_work_guard(*contexts_[i]);
      while (!survives("io thread", [this, i] { contexts_[i]->run(); })) {
      }
    });
  }
}

void IoThreads::post(std::size_t index, std::function<void()> work) {
  boost::asio::post(*contexts_[index], std::move(work));
}

void IoThreads::stop() {
  for (const auto& context : contexts_) context->stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

}  // namespace millrace::net
