// Sends one answer's bytes on a non-blocking socket: the header, then a part of a body of any kind, from
// where it lies. Knows system calls, no event loop: the connection calls pump() whenever the socket can take
// more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "http/message.hpp"

struct iovec;

namespace millrace::http {

class Transfer {
 public:
  enum class Progress : std::uint8_t {
    kDone,     // everything has gone to the kernel
    kBlocked,  // wait until the socket is writable
    kYield,    // did its share for now: others' turn
    kFailed,   // the peer has gone, or the file has shrunk
    kTorn,     // intact() turned false: close without another byte
  };

  // Sends [offset, offset + length) of the body; the caller has checked it against body_size().
  Transfer(std::string header, Body body, std::uint64_t offset, std::uint64_t length);
  Transfer(const Transfer&) = delete;  // views point into it
  Transfer& operator=(const Transfer&) = delete;

  Progress pump(int socket);
  std::uint64_t sent() const { return sent_; }

 private:
  Progress send_memory(int socket);
  Progress send_piece(int socket);
  ssize_t send_some(int socket, const FilePieces::Piece& piece) const;
  Progress hold_back_tail(const MappedRegions& regions);
  bool intact() const;
  bool has_pieces() const { return piece_ < pieces_.size(); }
  void skip(std::size_t count);
  std::size_t gather(iovec* vectors, std::size_t capacity) const;

  std::string header_;
  Body body_;
  std::vector<ByteView> rest_;             // memory still to send, in order; the header is first
  std::size_t first_ = 0;                  // index of the first unfinished view of rest_
  std::vector<FilePieces::Piece> pieces_;  // still to send
  std::size_t piece_ = 0;                  // index of the first unfinished one
  // The last bytes of mapped regions are copied, checked and only then sent, so that an answer is never
  // completed with bytes that were overwritten while they were being read.
  std::string tail_;
  std::uint64_t tail_rest_ = 0;
  std::uint64_t tail_offset_ = 0;  // in the regions
  std::uint64_t sent_ = 0;
};

}  // namespace millrace::http
