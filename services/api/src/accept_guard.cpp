#include "accept_guard.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace millrace::api {
namespace {

constexpr int kFirstNumber = 512;  // below: the program's other descriptors

thread_local bool guarded = false;
std::atomic<int> next_number{kFirstNumber};

int limit() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return 1024;
  return static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, 1 << 20));
}

// The same connection under the next free number; as it is when there is none.
int renumber(int descriptor) {
  static const int kLimit = limit();
  int wanted = next_number.load(std::memory_order_relaxed);
  if (wanted >= kLimit - 1) wanted = kFirstNumber;
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, wanted);
  if (high < 0) {
    next_number = kFirstNumber;
    return descriptor;
  }
  next_number.store(high + 1, std::memory_order_relaxed);
  ::close(descriptor);
  return high;
}

}  // namespace

AcceptGuard::AcceptGuard() {
  guarded = true;
}
AcceptGuard::~AcceptGuard() {
  guarded = false;
}

}  // namespace millrace::api

// The linker gives these names.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" int __real_accept4(int listener, sockaddr* address, socklen_t* size, int flags);

extern "C" int __wrap_accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  const int descriptor = __real_accept4(listener, address, size, flags);
  return descriptor >= 0 && millrace::api::guarded ? millrace::api::renumber(descriptor) : descriptor;
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
