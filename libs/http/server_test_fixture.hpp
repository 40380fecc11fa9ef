// A server and its clients: what the tests of the server share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "http/files.hpp"
#include "http/live.hpp"
#include "http/server.hpp"
#include "http/test_client.hpp"

namespace millrace::http {

using std::chrono::milliseconds;
using testing::body_of;
using testing::field_of;
using testing::status_of;
using testing::TestClient;

inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 251) % 26);
  return text;
}

// Waits for what another thread is about to do; false when it never does.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 4000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

// Answers "METHOD path query|body" as text.
inline void echo(Request&& request, const Responder& respond) {
  std::string text = request.method_name + " " + request.path;
  if (!request.raw_query.empty()) text += " ?" + request.raw_query;
  if (!request.body.empty()) text += " [" + request.body + "]";
  respond(Response::text(200, "text/plain", std::move(text)));
}

class ServerTest : public ::testing::Test {
 protected:
  void start(Handler handler, ServerConfig config = {}) {
    auto started = Server::start(std::move(config), std::move(handler));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = std::move(*started);
  }
  std::string exchange(std::string_view bytes) {
    TestClient client(server_->port());
    client.send(bytes);
    return client.read_answer();
  }
  // The status of a request on a connection of its own.
  int ask_late() {
    TestClient client(server_->port());
    client.send("GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return status_of(client.read_all());
  }

  std::unique_ptr<Server> server_;
};

}  // namespace millrace::http
