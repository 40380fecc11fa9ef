#include "http/transfer.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace millrace::http {
namespace {

constexpr std::size_t kPieceBytes = 256UL * 1024;  // of one system call, and between two checks of intact()
// Of one pump(), so that a fast client does not starve others.
constexpr std::size_t kTurnBytes = 1024UL * 1024;
constexpr std::size_t kTailBytes = 16UL * 1024;  // copied out of mapped regions
constexpr std::size_t kVectors = 128;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// Appends the views that make up [offset, offset + length) of parts.
void slice(const std::vector<ByteView>& parts, std::uint64_t offset, std::uint64_t length,
           std::vector<ByteView>& out) {
  for (ByteView part : parts) {
    if (length == 0) return;
    if (offset >= part.size()) {
      offset -= part.size();
      continue;
    }
    part = part.subspan(offset);
    offset = 0;
    part = part.first(std::min<std::uint64_t>(part.size(), length));
    length -= part.size();
    out.push_back(part);
  }
}

// The pieces that make up [offset, offset + length) of them.
std::vector<FilePieces::Piece> slice(const std::vector<FilePieces::Piece>& pieces, std::uint64_t offset,
                                     std::uint64_t length) {
  std::vector<FilePieces::Piece> out;
  for (FilePieces::Piece piece : pieces) {
    const std::uint64_t skipped = std::min(offset, piece.size);
    offset -= skipped;
    piece.offset += skipped;
    piece.size = std::min(piece.size - skipped, length);
    length -= piece.size;
    if (piece.size > 0) out.push_back(piece);
  }
  return out;
}

}  // namespace

Transfer::Transfer(std::string header, Body body, std::uint64_t offset, std::uint64_t length)
    : header_(std::move(header)), body_(std::move(body)) {
  rest_.push_back(as_bytes(header_));
  if (const auto* text = std::get_if<std::string>(&body_)) {
    rest_.push_back(as_bytes(*text).subspan(offset, length));
  } else if (const auto* shared = std::get_if<std::shared_ptr<const std::string>>(&body_)) {
    if (*shared) rest_.push_back(as_bytes(**shared).subspan(offset, length));
  } else if (const auto* file = std::get_if<FileRegion>(&body_)) {
    if (length > 0) pieces_.push_back({file->offset + offset, length, file->file});
  } else if (const auto* pieces = std::get_if<FilePieces>(&body_)) {
    pieces_ = slice(pieces->pieces, offset, length);
    // A text in front goes out with the header.
    if (!pieces_.empty() && !pieces_.front().file) {
      rest_.push_back(as_bytes(pieces->text).subspan(pieces_.front().offset, pieces_.front().size));
      piece_ = 1;
    }
  } else {
    const MappedRegions& regions = std::get<MappedRegions>(body_);
    tail_rest_ = std::min<std::uint64_t>(length, kTailBytes);
    tail_offset_ = offset + length - tail_rest_;
    slice(regions.parts, offset, length - tail_rest_, rest_);
  }
}

bool Transfer::intact() const {
  const auto* regions = std::get_if<MappedRegions>(&body_);
  return regions == nullptr || !regions->intact || regions->intact();
}

std::size_t Transfer::gather(iovec* vectors, std::size_t capacity) const {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (std::size_t i = first_; i < rest_.size() && count < capacity && bytes < kPieceBytes; ++i) {
    const std::size_t size = std::min(rest_[i].size(), kPieceBytes - bytes);
    if (size == 0) continue;
    // sendmsg takes a pointer to non-const but only reads.
    vectors[count].iov_base = const_cast<std::uint8_t*>(rest_[i].data());
    vectors[count].iov_len = size;
    bytes += size;
    ++count;
  }
  return count;
}

void Transfer::skip(std::size_t count) {
  sent_ += count;
  while (first_ < rest_.size() && count >= rest_[first_].size()) {
    count -= rest_[first_].size();
    ++first_;
  }
  if (count > 0) rest_[first_] = rest_[first_].subspan(count);
}

Transfer::Progress Transfer::send_memory(int socket) {
  std::array<iovec, kVectors> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = gather(vectors.data(), vectors.size());
  if (message.msg_iovlen == 0) return Progress::kDone;
  const int more = has_pieces() || tail_rest_ > 0 ? MSG_MORE : 0;
  const ssize_t count = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT | more);
  if (count < 0)
    return would_block(errno) ? Progress::kBlocked : errno == EINTR ? Progress::kYield : Progress::kFailed;
  skip(static_cast<std::size_t>(count));
  return intact() ? Progress::kYield : Progress::kTorn;
}

ssize_t Transfer::send_some(int socket, const FilePieces::Piece& piece) const {
  const std::uint64_t size = std::min<std::uint64_t>(piece.size, kPieceBytes);
  if (piece.file) {
    auto offset = static_cast<off_t>(piece.offset);
    return ::sendfile(socket, piece.file->descriptor(), &offset, size);
  }
  const ByteView text = as_bytes(std::get<FilePieces>(body_).text).subspan(piece.offset, size);
  const int more = piece_ + 1 < pieces_.size() ? MSG_MORE : 0;
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT | more);
}

Transfer::Progress Transfer::send_piece(int socket) {
  FilePieces::Piece& piece = pieces_[piece_];
  const ssize_t count = send_some(socket, piece);
  if (count < 0)
    return would_block(errno) ? Progress::kBlocked : errno == EINTR ? Progress::kYield : Progress::kFailed;
  if (count == 0) return Progress::kFailed;  // shorter than it was
  piece.offset += static_cast<std::uint64_t>(count);
  piece.size -= static_cast<std::uint64_t>(count);
  if (piece.size == 0) ++piece_;
  sent_ += static_cast<std::uint64_t>(count);
  return Progress::kYield;
}

Transfer::Progress Transfer::hold_back_tail(const MappedRegions& regions) {
  std::vector<ByteView> views;
  slice(regions.parts, tail_offset_, tail_rest_, views);
  tail_.reserve(tail_rest_);
  for (const ByteView view : views) tail_.append(as_text(view));
  tail_rest_ = 0;
  if (!intact()) return Progress::kTorn;
  // From here on the mapping is not read any more: whatever happens to it, what is sent is right.
  body_ = std::string();
  rest_.assign(1, as_bytes(tail_));
  first_ = 0;
  return Progress::kYield;
}

Transfer::Progress Transfer::pump(int socket) {
  const std::uint64_t end_of_turn = sent_ + kTurnBytes;
  // The turn before may have been minutes ago: what was recycled meanwhile is not handed to the kernel.
  if (!intact()) return Progress::kTorn;
  while (sent_ < end_of_turn) {
    Progress progress = Progress::kDone;
    const auto* regions = std::get_if<MappedRegions>(&body_);
    // Short mapped answers: header and copied tail go out together.
    const bool only_header = rest_.size() == 1 && first_ == 0;
    if (tail_rest_ > 0 && regions != nullptr && (first_ >= rest_.size() || only_header)) {
      const bool unsent = only_header;
      progress = hold_back_tail(*regions);
      if (unsent && progress == Progress::kYield)
        rest_.insert(rest_.begin(), as_bytes(header_).subspan(sent_));
    } else if (first_ < rest_.size()) {
      progress = send_memory(socket);
    } else if (has_pieces()) {
      progress = send_piece(socket);
    }
    if (progress != Progress::kYield) return progress;
  }
  return Progress::kYield;
}

}  // namespace millrace::http
