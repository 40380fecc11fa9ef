// The listener against sockets that behave like no Redis should. A real redis-server:
// tests/e2e/redis_test.py.
#include "redis/redis_listener.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "net/unique_fd.hpp"

namespace millrace::auth {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSubscribed = "*3\r\n$9\r\nsubscribe\r\n$13\r\nrtmp_commands\r\n:1\r\n";

// Sends a text to whoever connects and then reads what comes, until the peer goes.
class Server {
 public:
  explicit Server(std::string text) : text_(std::move(text)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return port_; }
  std::string received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  void serve() {
    for (;;) {
      const net::UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      if (!peer) return;
      for (std::size_t sent = 0; sent < text_.size();) {
        const ssize_t count = ::send(peer.get(), text_.data() + sent, text_.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      char bytes[4096];
      for (ssize_t count = 1; count > 0;) {
        count = ::recv(peer.get(), bytes, sizeof bytes, 0);
        const std::lock_guard lock(mutex_);
        if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
      }
    }
  }

  std::string text_;
  net::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string received_;
  std::thread thread_;
};

// What the listener said, in order: "+" subscribed, "-reason" not, else a message.
class Log {
 public:
  RedisListener::Message message() {
    return [this](std::string_view text) { add(std::string(text.substr(0, 40))); };
  }
  RedisListener::State state() {
    return [this](bool subscribed, const std::string& reason) { add(subscribed ? "+" : "-" + reason); };
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] { return lines_.size() >= count; }));
    return lines_;
  }

 private:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

// answer: short where a test waits for it to pass, long where the machine may be busy.
RedisSettings settings(std::uint16_t port, std::chrono::milliseconds answer = 10s) {
  RedisSettings result;
  result.host = "127.0.0.1";
  result.port = port;
  result.password = Secret("pa ss\r\nword");
  result.ping_every = 50ms;
  result.answer_timeout = answer;
  result.first_pause = 10ms;
  result.longest_pause = 20ms;
  return result;
}

std::string message(const std::string& text) {
  return "*3\r\n$7\r\nmessage\r\n$13\r\nrtmp_commands\r\n$" + std::to_string(text.size()) + "\r\n" + text +
         "\r\n";
}

TEST(RedisListener, SubscribesAndHandsMessagesOn) {
  Server server(kSubscribed + message("kill-session>a") + message("") + message(std::string(100'000, 'x')) +
                "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n" + message("end"));
  Log log;
  const RedisListener listener(settings(server.port()), log.message(), log.state());
  const auto lines = log.wait_for(5);
  EXPECT_EQ(lines[0], "+");
  EXPECT_EQ(lines[1], "kill-session>a");
  EXPECT_EQ(lines[2], "");
  EXPECT_EQ(lines[3], std::string(40, 'x'));
  EXPECT_EQ(lines[4], "end");
  const std::string received = server.received();
  EXPECT_EQ(received.find("*2\r\n$4\r\nAUTH\r\n$11\r\npa ss\r\nword\r\n*2\r\n$9\r\nSUBSCRIBE\r\n"), 0U)
      << received;
}

TEST(RedisListener, ComesBackWhateverTheServerDoes) {
  const std::pair<std::string, std::string> rows[] = {
      {"", "-no answer to SUBSCRIBE"},
      {"-ERR invalid password pa ss\r\n", "-Redis refused: is REDIS_PASSWORD right?"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "-not Redis's protocol"},
      {"*2000000000\r\n", "-not Redis's protocol"},
      {"$2000000000\r\n" + std::string(17 << 20, 'x'), "-a reply without an end"},
  };
  for (const auto& [text, said] : rows) {
    Server server(text);
    Log log;
    const RedisListener listener(settings(server.port(), text.empty() ? 300ms : 10s), log.message(),
                                 log.state());
    const auto lines = log.wait_for(2);
    EXPECT_EQ(lines[0], said);
    EXPECT_EQ(lines[1], said) << "it tried again";
  }
}

TEST(RedisListener, ProbesASilentServer) {
  Server server(kSubscribed);
  Log log;
  const RedisListener listener(settings(server.port(), 1s), log.message(), log.state());
  const auto lines = log.wait_for(3);
  EXPECT_EQ(lines, (std::vector<std::string>{"+", "-no answer to PING", "+"}));
  EXPECT_NE(server.received().find("*1\r\n$4\r\nPING\r\n"), std::string::npos);
}

TEST(RedisListener, EndsAtOnceWhatever) {
  Server server("");
  for (int i = 0; i < 3; ++i) {
    Log log;
    RedisSettings slow = settings(server.port());
    slow.answer_timeout = 60s;
    slow.first_pause = 60s;
    const RedisListener listener(slow, log.message(), log.state());
  }
  Log log;
  const RedisListener nobody(settings(1), log.message(), log.state());
  EXPECT_EQ(log.wait_for(1)[0].front(), '-');
}

}  // namespace
}  // namespace millrace::auth
