// Bytes of a client to requests: Beast's parser behind a buffer with a bound, and what is refused before a
// handler sees it. Whatever comes, what is held of it stays within the bound: a request line and header of
// Limits::header_bytes, a chunk's size and extensions of kMaxChunkHeader, trailers as a header.
//
//   while (true) {
//     switch (reader.step()) {
//       case Step::kNeedsMore: … read into reader.room(), reader.commit(count); …
//
// Sans-IO; one thread at a time. Internal: included by .cpp files of this library only.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <optional>
#include <string_view>

#include "http/request_parser.hpp"

namespace millrace::http {

struct Refusal {
  int status = 400;
  std::string_view code;  // of the problem document
};

class RequestReader {
 public:
  static constexpr std::size_t kReadBytes = 8UL * 1024;
  // Before a request line. Some clients end a body with one (RFC 9112 section 2.2); more is refused.
  static constexpr unsigned kMaxEmptyLines = 4;

  enum class Step : std::uint8_t {
    kNeedsMore,  // nothing can be said before more has come
    kBegun,      // the first byte of a request or of an empty line before it, once for each request
    kHeader,     // its header is whole, its body is not
    kComplete,   // take() it
    kRefused     // see refusal(); nothing more is read
  };

  // limits outlive it.
  explicit RequestReader(const Limits& limits);
  explicit RequestReader(Limits&&) = delete;

  // Where the next bytes go: kReadBytes after a kNeedsMore.
  boost::asio::mutable_buffer room() { return buffer_.prepare(kReadBytes); }
  void commit(std::size_t count) { buffer_.commit(count); }
  Step step();

  // Between the first byte of a request line and the request's end.
  bool is_reading() const { return parser_.has_value(); }
  // Of what is being read, and of what was until forget().
  bool expects_continue() const { return parser_ && parser_->expects_continue(); }
  bool keep_alive() const { return parser_ && parser_->keep_alive(); }
  bool is_http_1_1() const { return !parser_ || parser_->is_http_1_1(); }
  Request take() { return parser_->take(); }
  void forget();
  const Refusal& refusal() const { return refusal_; }

  // Bytes that belong to no request yet.
  std::string_view held() const;
  // Gives them and their memory up.
  void release();
  static std::size_t capacity(const Limits& limits) { return limits.header_bytes + 2 * kReadBytes; }

 private:
  // Nothing: a request line has begun and can be parsed.
  std::optional<Step> begin();
  Step refuse(Refusal refusal);
  std::optional<Refusal> excess() const;
  bool skip_empty_lines();

  const Limits& limits_;
  boost::beast::flat_buffer buffer_;
  std::optional<RequestParser> parser_;
  std::size_t header_bytes_ = 0;
  unsigned empty_lines_ = 0;
  bool begun_ = false;
  bool header_done_ = false;
  Refusal refusal_;
};

}  // namespace millrace::http
