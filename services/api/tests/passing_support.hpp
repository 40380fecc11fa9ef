// Clients of edge and application together: honest ones that know their own answers, and requests that try to
// shift them.
#pragma once

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "edge_call.hpp"
#include "http/test_client.hpp"
#include "routes.hpp"

namespace millrace::api::testing {

// Requests of one user of the fake auth, each with an answer that nobody else gets.
class HonestClient {
 public:
  // name: one that has a stream (alice, bob).
  HonestClient(std::uint16_t port, std::string name) : port_(port), name_(std::move(name)) {}

  enum class Got : std::uint8_t { kOwn, kRefused, kWrong };
  // The number-th request and its answer, over a connection for 16 of them. kRefused: overloaded or late.
  Got ask(std::uint64_t number) {
    if (!client_ || number % 16 == 0) connect();
    const std::string nonce = "honest-" + name_ + "-" + std::to_string(number);
    const auto [request, expected, status] = question(number % 6, number, nonce);
    client_->send(request);
    last_ = client_->read_answer();
    const int got = http::testing::status_of(last_);
    if (got == status && last_.find(expected) != std::string::npos) return Got::kOwn;
    client_.reset();
    return got == 503 || got == 504 ? Got::kRefused : Got::kWrong;
  }
  const std::string& last() const { return last_; }

 private:
  struct Question {
    std::string request, expected;
    int status = 200;
  };

  void connect() {
    if (client_) client_->reset();  // leaves no port behind in TIME_WAIT
    client_ = std::make_unique<http::testing::TestClient>(port_);
  }
  Question question(std::uint64_t kind, std::uint64_t number, const std::string& nonce) const {
    const std::string end = " HTTP/1.1\r\nHost: x\r\n";
    const std::string token = "Authorization: Bearer good-" + name_ + "\r\n";
    switch (kind) {
      case 0:
        return {"GET /api/ads/vast-tag?streamId=" + nonce + end + "\r\n", "streamId=" + nonce + "&"};
      case 1:
        return {"GET /api/stream/key" + end + token + "\r\n", "\"streamId\":\"" + name_ + "-id\""};
      case 2:
        return {"GET /api/v1/health-check?" + nonce + end + "\r\n", "\r\n\r\ntrue"};
      case 3:
        return {"GET /api/stream/status/" + name_ + "-id?" + nonce + end + "\r\n",
                "\"streamId\":\"" + name_ + "-id\""};
      case 4:
        return {"GET /api/stream/details/" + nonce + end + token + "\r\n", "stream_unknown", 404};
      default: {
        const std::string quality = "q" + std::to_string(number);
        const std::string body = R"({"quality":")" + quality + "\"}";
        return {"POST /api/stream/settings/" + name_ + "-id" + end + token +
                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                "\"quality\":\"" + quality + "\""};
      }
    }
  }

  const std::uint16_t port_;
  const std::string name_;
  std::unique_ptr<http::testing::TestClient> client_;
  std::string last_;
};

// The route's path with something for each parameter.
template <class Value>
std::string path_with(const Route& route, Value value) {
  std::string path;
  std::string_view rest = route.path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    path += rest.substr(1, 1) == ":" ? "/" + value() : std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return path;
}

// What an attacker would like to be read as a request: of somebody else's right, or without an end so that
// the next request becomes a field of it.
inline std::string stowaway(std::uint64_t kind) {
  const std::string call = std::string(kCallField) + ": ,0,0,,,,,\r\n";
  switch (kind % 5) {
    case 0:
      return "GET /api/stream/key HTTP/1.1\r\nHost: x\r\nX-Millrace-Edge: x\r\n\r\n";
    case 1:
      return "DELETE /api/stream/key/alice-id HTTP/1.1\r\nX-Ignored: ";
    case 2:
      return "DELETE /call HTTP/1.1\r\n" + call + "X-Ignored: ";
    case 3:
      return "POST /call HTTP/1.1\r\nContent-Length: 0\r\n" + std::string(http::kUpstreamIdField) +
             ": 0\r\nX-Ignored: ";
    default:
      return "GET /call HTTP/1.1\r\nHost: x\r\n" + call + "\r\n";
  }
}

// size bytes with a stowaway at every 4 KiB from phase on, and one at the end: Pistache reads 4 KiB at a
// time.
inline std::string body_of_size(std::size_t size, std::uint64_t kind, std::size_t phase) {
  std::string body(size, kind % 2 == 0 ? 'a' : '\n');
  const std::string inner = stowaway(kind);
  const auto put = [&](std::size_t at) {
    if (at + inner.size() <= size) body.replace(at, inner.size(), inner);
  };
  for (std::size_t at = phase % 4096; at < size; at += 4096) put(at);
  if (size >= inner.size()) put(size - inner.size());
  return body;
}

// In chunks of what piece() says.
template <class Piece>
std::string chunked(std::string_view body, Piece piece) {
  std::string text;
  while (!body.empty()) {
    const std::size_t size = std::min<std::size_t>(std::max<std::size_t>(piece(), 1), body.size());
    char header[16];
    std::snprintf(header, sizeof header, "%zx\r\n", size);
    text.append(header).append(body.substr(0, size)).append("\r\n");
    body.remove_prefix(size);
  }
  return text.append("0\r\n\r\n");
}

}  // namespace millrace::api::testing
