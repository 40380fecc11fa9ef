#include "server/outbox.hpp"

#include <cerrno>

namespace millrace::ingest {

bool Outbox::append(ByteView bytes) {
  if (bytes_.size() - sent_ + bytes.size() > kLimit) return false;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return true;
}

// An idle connection keeps no buffer.
void Outbox::clear() {
  Bytes().swap(bytes_);
  sent_ = 0;
}

namespace {

Sent why_not() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Sent::kBlocked : Sent::kFailed;
}

}  // namespace

Sent Outbox::flush() {
  while (!empty()) {
    const iovec part{bytes_.data() + sent_, bytes_.size() - sent_};
    const ssize_t count = transport_.send({&part, 1});
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return why_not();
    sent_ += static_cast<std::size_t>(count);
  }
  clear();
  return transport_.flush() ? Sent::kAll : why_not();
}

}  // namespace millrace::ingest
