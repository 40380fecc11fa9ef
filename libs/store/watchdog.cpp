#include "store/watchdog.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::store {

Watchdog::Watchdog(int socket) : socket_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (socket_ >= 0) ::close(socket_);
}

void Watchdog::arm(Clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex_);
    deadline_ = deadline;
  }
  changed_.notify_all();
}

bool Watchdog::disarm() {
  const std::lock_guard lock(mutex_);
  deadline_.reset();  // the thread may sleep on: it looks again before it acts
  return fired_;
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    if (!deadline_) {
      changed_.wait(lock);
    } else if (Clock::now() < *deadline_) {
      changed_.wait_until(lock, *deadline_);
    } else {
      fired_ = true;
      deadline_.reset();
      ::shutdown(socket_, SHUT_RDWR);
    }
  }
}

}  // namespace millrace::store
