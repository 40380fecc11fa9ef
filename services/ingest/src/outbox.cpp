#include "outbox.hpp"

#include <cerrno>

namespace millrace::ingest {

bool Outbox::append(ByteView bytes) {
  if (bytes_.size() - sent_ + bytes.size() > kLimit) return false;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return true;
}

namespace {

Sent why_not() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::kBlocked : Sent::kFailed;
}

}  // namespace

Sent Outbox::flush(Transport& transport) {
  while (!empty()) {
    const iovec part{bytes_.data() + sent_, bytes_.size() - sent_};
    const ssize_t count = transport.send({&part, 1});
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return why_not();
    sent_ += static_cast<std::size_t>(count);
  }
  // An idle connection keeps no buffer.
  Bytes().swap(bytes_);
  sent_ = 0;
  return transport.flush() ? Sent::kAll : why_not();
}

}  // namespace millrace::ingest
