// Beast's message parser filling a Request, with what Beast leaves to its user: exactly one Host, no trailers
// as headers, "chunked" as the only transfer coding. Internal: included by .cpp files of this library only.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "http/message.hpp"
#include "http/server.hpp"

namespace millrace::http {

class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  static constexpr std::size_t kMaxChunkHeader = 256;  // its size and its extensions

  explicit RequestParser(const Limits& limits);

  // The status to answer with after put() failed with anything but need_more.
  int refusal() const { return refusal_; }
  bool is_http_1_1() const { return version_ == 11; }
  bool expects_continue() const { return expects_continue_; }
  Request take() { return std::move(request_); }
  const Request& request() const { return request_; }

 private:
  using Code = boost::beast::error_code;
  using Text = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb method, Text method_text, Text target, int version,
                       Code& error) override;
  void on_response_impl(int code, Text reason, int version, Code& error) override;
  void on_field_impl(boost::beast::http::field field, Text name, Text value, Code& error) override;
  void on_header_impl(Code& error) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code& error) override;
  std::size_t on_body_impl(Text body, Code& error) override;
  void on_chunk_header_impl(std::uint64_t size, Text extensions, Code& error) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, Text body, Code& error) override;
  void on_finish_impl(Code& error) override;

  void refuse(int status, Code& error);

  std::size_t body_limit_;
  std::size_t trailer_limit_;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailers_ = 0;
  Request request_;
  std::string target_;
  int version_ = 11;
  unsigned hosts_ = 0;
  bool header_done_ = false;
  bool expects_continue_ = false;
  int refusal_ = 400;
};

}  // namespace millrace::http
