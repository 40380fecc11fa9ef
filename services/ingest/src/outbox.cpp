#include "outbox.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace millrace::ingest {

bool Outbox::append(ByteView bytes) {
  if (bytes_.size() - sent_ + bytes.size() > kLimit) return false;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return true;
}

Sent Outbox::flush(int fd) {
  while (!empty()) {
    const ssize_t count =
        ::send(fd, bytes_.data() + sent_, bytes_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::kBlocked : Sent::kFailed;
    sent_ += static_cast<std::size_t>(count);
  }
  // An idle connection keeps no buffer.
  Bytes().swap(bytes_);
  sent_ = 0;
  return Sent::kAll;
}

}  // namespace millrace::ingest
