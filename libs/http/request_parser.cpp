#include "http/request_parser.hpp"

#include <boost/beast/core/string.hpp>

#include "http/target.hpp"

namespace millrace::http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kMaxFields = 100;
constexpr std::size_t kMaxMethodLength = 32;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

Method method_of(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::kGet;
    case beast::http::verb::head:
      return Method::kHead;
    case beast::http::verb::post:
      return Method::kPost;
    case beast::http::verb::put:
      return Method::kPut;
    case beast::http::verb::patch:
      return Method::kPatch;
    case beast::http::verb::delete_:
      return Method::kDelete;
    case beast::http::verb::options:
      return Method::kOptions;
    default:
      return Method::kOther;
  }
}

}  // namespace

RequestParser::RequestParser(const Limits& limits)
    : body_limit_(limits.body_bytes), trailer_limit_(limits.header_bytes) {
  header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  body_limit(limits.body_bytes);
  // Beast's eager mode forgets an error of the header when body bytes are in the same buffer, and reads on.
  eager(false);
}

void RequestParser::refuse(int status, Code& error) {
  refusal_ = status;
  error = beast::http::error::bad_value;
}

void RequestParser::on_request_impl(beast::http::verb method, Text method_text, Text target, int version,
                                    Code& error) {
  if (version != 10 && version != 11) return refuse(505, error);
  if (method_text.size() > kMaxMethodLength) return refuse(501, error);
  request_.method = method_of(method);
  request_.method_name = view(method_text);
  target_ = view(target);
  version_ = version;
}

void RequestParser::on_response_impl(int /*code*/, Text /*reason*/, int /*version*/, Code& error) {
  refuse(400, error);
}

void RequestParser::on_field_impl(beast::http::field field, Text name, Text value, Code& error) {
  if (header_done_) {  // a trailer must not pass for a header
    trailer_bytes_ += name.size() + value.size();
    if (++trailers_ > kMaxFields || trailer_bytes_ > trailer_limit_) refuse(431, error);
    return;
  }
  if (request_.headers.size() == kMaxFields) return refuse(431, error);
  if (field == beast::http::field::host) ++hosts_;
  // Any other coding would leave it open where the body ends.
  const bool transfer_coding = field == beast::http::field::transfer_encoding;
  if (transfer_coding && (version_ == 10 || !beast::iequals(value, "chunked"))) return refuse(400, error);
  if (field == beast::http::field::expect) {
    if (!beast::iequals(value, "100-continue")) return refuse(400, error);
    expects_continue_ = version_ == 11;
  }
  request_.headers.add(view(name), view(value));
}

void RequestParser::on_header_impl(Code& error) {
  header_done_ = true;
  if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) return refuse(400, error);
  Result<Target> target = http::parse_target(target_);
  if (!target || (target->path == "*" && request_.method != Method::kOptions)) return refuse(400, error);
  request_.path = std::move(target->path);
  request_.raw_query = std::move(target->raw_query);
  request_.query = std::move(target->query);
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, Code& /*error*/) {
  if (length) request_.body.reserve(std::min<std::uint64_t>(*length, 64UL * 1024));
}

std::size_t RequestParser::on_body_impl(Text body, Code& error) {
  if (request_.body.size() + body.size() > body_limit_) {
    refuse(413, error);
    return 0;
  }
  request_.body.append(body.data(), body.size());
  return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, Text extensions, Code& error) {
  if (extensions.size() > kMaxChunkHeader) return refuse(400, error);
  if (size > body_limit_ - std::min(body_limit_, request_.body.size())) refuse(413, error);
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*remain*/, Text body, Code& error) {
  return on_body_impl(body, error);
}

void RequestParser::on_finish_impl(Code& /*error*/) {}

}  // namespace millrace::http
