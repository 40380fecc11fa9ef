#include "http/request_reader.hpp"

#include <boost/beast/http/error.hpp>

namespace millrace::http {
namespace {

namespace beast = boost::beast;
using SocketError = beast::error_code;

constexpr std::string_view kEndOfLine = "\r\n";
// "0", two ends of lines: at least so much of a chunked body is still to come until it has ended. Beast takes
// it for granted when it looks at a last chunk again (an assertion of its own ends the process otherwise).
constexpr std::size_t kLeastOfChunks = 5;
constexpr Refusal kHeaderTooLarge{431, "header_too_large"};
constexpr Refusal kBadRequest{400, "bad_request"};

Refusal refusal_for(const SocketError& error, const RequestParser& parser) {
  if (error == beast::http::error::header_limit) return kHeaderTooLarge;
  if (error == beast::http::error::bad_version) return {505, "http_version"};
  if (error == beast::http::error::body_limit) return {413, "body_too_large"};
  switch (parser.refusal()) {
    case 413:
      return {413, "body_too_large"};
    case 431:
      return kHeaderTooLarge;
    case 501:
      return {501, "not_implemented"};
    case 505:
      return {505, "http_version"};
    default:
      return kBadRequest;
  }
}

}  // namespace

RequestReader::RequestReader(const Limits& limits) : limits_(limits), buffer_(capacity(limits)) {}

std::string_view RequestReader::held() const {
  return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
}

void RequestReader::release() {
  buffer_.consume(buffer_.size());
  buffer_.shrink_to_fit();
}

void RequestReader::forget() {
  parser_.reset();
  empty_lines_ = 0;
  begun_ = false;
}

// RFC 9112 section 2.2: an empty line before a request line is ignored. False: there are too many.
bool RequestReader::skip_empty_lines() {
  for (; held().starts_with(kEndOfLine); buffer_.consume(kEndOfLine.size()))
    if (++empty_lines_ > kMaxEmptyLines) return false;
  return true;
}

std::optional<RequestReader::Step> RequestReader::begin() {
  if (buffer_.size() == 0) return Step::kNeedsMore;
  if (!skip_empty_lines()) return refuse(kBadRequest);
  const bool first = !std::exchange(begun_, true);
  if (buffer_.size() > 0 && held() != "\r") {
    parser_.emplace(limits_);
    header_bytes_ = 0;
    header_done_ = false;
  }
  if (first) return Step::kBegun;
  if (!parser_) return Step::kNeedsMore;
  return std::nullopt;
}

RequestReader::Step RequestReader::refuse(Refusal refusal) {
  refusal_ = refusal;
  parser_.reset();
  return Step::kRefused;
}

// What is held though the parser can do nothing with it: the front of a header, of a chunk, or of trailers.
// Of the latter two the parser takes nothing before it has them whole, however long that gets.
std::optional<Refusal> RequestReader::excess() const {
  if (!header_done_ && header_bytes_ + buffer_.size() >= limits_.header_bytes) return kHeaderTooLarge;
  std::string_view line = held();
  if (line.starts_with(kEndOfLine)) line.remove_prefix(kEndOfLine.size());  // the end of the chunk before
  const std::string_view front = line.substr(0, RequestParser::kMaxChunkHeader);
  if (header_done_ && front.size() < line.size() && front.find(kEndOfLine) == std::string_view::npos)
    return kBadRequest;
  // Trailers, and whatever else it may be.
  if (buffer_.size() >= limits_.header_bytes || buffer_.size() + kReadBytes > buffer_.max_size())
    return kHeaderTooLarge;
  return std::nullopt;
}

RequestReader::Step RequestReader::step() {
  if (!parser_) {
    if (const std::optional<Step> begun = begin()) return *begun;
  }
  while (true) {
    if (header_done_ && buffer_.size() < (parser_->chunked() ? kLeastOfChunks : 1)) return Step::kNeedsMore;
    SocketError error;
    const std::size_t consumed = parser_->put(buffer_.data(), error);
    buffer_.consume(consumed);
    const bool needs_more = error == beast::http::error::need_more;
    if (error && !needs_more) return refuse(refusal_for(error, *parser_));
    if (parser_->is_done()) return Step::kComplete;
    const bool header_was_done = std::exchange(header_done_, parser_->is_header_done());
    if (!header_done_) header_bytes_ += consumed;
    // Beast stops at a boundary within what it has: only more bytes help when it says so.
    if (needs_more || buffer_.size() == 0 || !header_done_) {
      if (const std::optional<Refusal> too_much = excess()) return refuse(*too_much);
    }
    if (header_done_ && !header_was_done) return Step::kHeader;
    if (needs_more || buffer_.size() == 0) return Step::kNeedsMore;
  }
}

}  // namespace millrace::http
