// A client for tests: raw bytes in, bytes out, over a loopback connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::http::testing {

class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int receive_buffer = 0);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool send(std::string_view bytes);
  // Until the server closes, or the patience of 20 s is at an end (then closed() is false).
  std::string read_all();
  // One answer: header and as many bytes as its Content-Length says (none after a HEAD).
  std::string read_answer(bool head = false);
  bool closed() const { return closed_; }
  void reset();           // closes with a RST
  void finish_sending();  // half-close

 private:
  bool read_some();

  int socket_;
  std::string buffer_;
  bool closed_ = false;
};

// The number after "HTTP/1.1 "; 0 when there is none.
int status_of(std::string_view answer);
std::string_view body_of(std::string_view answer);
std::string_view field_of(std::string_view answer, std::string_view name);

}  // namespace millrace::http::testing
