#include "edge_call.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "http/target.hpp"

namespace millrace::api {
namespace {

// secret, row, bytes of the body, peer, type, authorization, parameters, query; each percent-encoded, so that
// the separators are nowhere else.
constexpr std::size_t kParts = 8;

std::string encode(const Parameters& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    if (!text.empty()) text.push_back('&');
    text.append(http::percent_encode(name)).append("=").append(http::percent_encode(value));
  }
  return text;
}

bool decode(std::string_view text, std::string& out) {
  Result<std::string> decoded = http::percent_decode(text, false);
  if (decoded) out = std::move(*decoded);
  return decoded.has_value();
}

bool decode(std::string_view text, Parameters& out) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::size_t equals = text.substr(0, end).find('=');
    if (equals == std::string_view::npos) return false;
    auto& [name, value] = out.emplace_back();
    if (!decode(text.substr(0, equals), name) || !decode(text.substr(equals + 1, end - equals - 1), value))
      return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool decode(std::string_view text, std::size_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<std::array<std::string_view, kParts>> split(std::string_view field) {
  std::array<std::string_view, kParts> parts;
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t end = field.find(',');
    if ((end == std::string_view::npos) != (i + 1 == kParts)) return std::nullopt;
    parts.at(i) = field.substr(0, end);
    if (i + 1 < kParts) field.remove_prefix(end + 1);
  }
  return parts;
}

}  // namespace

std::string write_call(const EdgeCall& call, const Secret& secret) {
  std::string field = http::percent_encode(secret.reveal());
  field.append(",").append(std::to_string(row_of(*call.route)));
  field.append(",").append(std::to_string(call.body_bytes));
  for (const std::string* text : {&call.peer_address, &call.content_type, &call.authorization})
    field.append(",").append(http::percent_encode(*text));
  for (const Parameters* pairs : {&call.parameters, &call.query}) field.append(",").append(encode(*pairs));
  return field;
}

std::optional<EdgeCall> read_call(std::string_view field, const Secret& secret) {
  const std::size_t comma = field.find(',');
  std::string given;
  if (comma == std::string_view::npos || comma > kMaxSecret || !decode(field.substr(0, comma), given) ||
      !equal_in_constant_time(as_bytes(given), as_bytes(secret.reveal())))
    return std::nullopt;
  const auto parts = split(field);
  if (!parts) return std::nullopt;
  const auto& [unused, row, size, peer, type, authorization, parameters, query] = *parts;
  EdgeCall call;
  std::size_t number = 0;
  if (!decode(row, number) || number >= routes().size() || !decode(size, call.body_bytes) ||
      !decode(peer, call.peer_address) || !decode(type, call.content_type) ||
      !decode(authorization, call.authorization) || !decode(parameters, call.parameters) ||
      !decode(query, call.query))
    return std::nullopt;
  call.route = &routes()[number];
  return call;
}

http::UpstreamRequest upstream_request(EdgeCall call, const Secret& secret, std::string body) {
  http::UpstreamRequest request;
  request.method = method_name(call.route->method);
  request.target = kCallTarget;
  if (http::has_upstream_body(request.method)) request.body = std::move(body);
  call.body_bytes = request.body.size();
  request.headers.add(kCallField, write_call(call, secret));
  return request;
}

http::UpstreamConfig upstream_config(std::size_t connections) {
  http::UpstreamConfig config;
  config.connections = connections;
  config.request_bytes = kMaxPassed;
  return config;
}

}  // namespace millrace::api
