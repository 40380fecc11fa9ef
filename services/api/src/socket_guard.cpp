#include "socket_guard.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace millrace::api {
namespace {

constexpr int kFirstNumber = 512;  // below: the program's other descriptors

thread_local const SocketGuard* current_guard = nullptr;
std::atomic<int> next_number{kFirstNumber};

int limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return 1024;
  return static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, 1 << 20));
}

// The same connection under the next free number; as it is when there is none.
int renumber(int descriptor) {
  static const int most = limit();
  int wanted = next_number.load(std::memory_order_relaxed);
  if (wanted >= most - 1) wanted = kFirstNumber;
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, wanted);
  if (high < 0) {
    next_number = kFirstNumber;
    return descriptor;
  }
  next_number.store(high + 1, std::memory_order_relaxed);
  ::close(descriptor);
  return high;
}

void report_port(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  current_guard->observer().listening(ntohs(address.sin_port));
}

}  // namespace

SocketGuard::SocketGuard(Observer observer) : observer_(std::move(observer)) {
  current_guard = this;
}

SocketGuard::~SocketGuard() {
  current_guard = nullptr;
}

}  // namespace millrace::api

// The linker gives these names.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" int __real_accept4(int listener, sockaddr* address, socklen_t* size, int flags);
extern "C" int __real_listen(int descriptor, int backlog);

extern "C" int __wrap_accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  const int descriptor = __real_accept4(listener, address, size, flags);
  if (millrace::api::current_guard == nullptr) return descriptor;
  millrace::api::current_guard->observer().accepting();
  return descriptor < 0 ? descriptor : millrace::api::renumber(descriptor);
}

extern "C" int __wrap_listen(int descriptor, int backlog) {
  const int result = __real_listen(descriptor, backlog);
  if (result == 0 && millrace::api::current_guard != nullptr) {
    millrace::api::report_port(descriptor);
  }
  return result;
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
