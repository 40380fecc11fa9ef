// Requests that wait for one answer: memory each, and how long it takes until all have it, beside a bare
// loop that sends as many bytes to as many sockets. So of a public stream, whose answer is one for all, and
// of a private one, whose list is written for each viewer's token, which is judged again. Server and loop on
// core 0, the clients on core 1. The middle of several rounds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "http/content_coding.hpp"
#include "http/waiting_room.hpp"
#include "manifest/hls/uri_query.hpp"
#include "playback/playback_token.hpp"

namespace {

using namespace millrace;

constexpr std::size_t kClients = 10'000;
constexpr int kRounds = 7;
constexpr std::int64_t kHour = 3'600'000'000;
constexpr char kAsk = 'a';
constexpr char kQuit = 'q';
// As a browser's hls.js sends it.
constexpr std::string_view kTarget = "GET /live/k3v9q1c8z0/v0/index.m3u8?_HLS_msn=1234&_HLS_part=3";
constexpr std::string_view kFields =
    " HTTP/1.1\r\nHost: localhost:8000\r\n"
    "Connection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 "
    "Safari/537.36\r\nAccept: */*\r\nOrigin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n"
    "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://localhost:3000/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void pin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  (void)::sched_setaffinity(0, sizeof cores, &cores);
}

double cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto milliseconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) * 1e-3;
  };
  return milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
}

double anonymous_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::atof(line.c_str() + 8);
  return 0;
}

// A playlist of 20 segments, the last three with parts.
std::string playlist() {
  std::string text =
      "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.333\n";
  for (int segment = 1214; segment < 1234; ++segment) {
    for (int part = 0; segment >= 1231 && part < 6; ++part)
      text +=
          "#EXT-X-PART:DURATION=0.33333,URI=\"p" + std::to_string(segment * 6 + part) + "-8f3a2b1c-1.m4s\"\n";
    text += "#EXTINF:2.00000,\n" + std::to_string(segment) + "-8f3a2b1c-1.m4s\n";
  }
  return text;
}

// Of each client; query: what its own address has more.
using Requests = std::vector<std::string>;

std::string request_with(std::string_view query) {
  return std::string(kTarget).append(query).append(kFields);
}

// --- the clients: a process of their own, told by a pipe what to do ---

class Clients {
 public:
  Clients(std::uint16_t port, const Requests& requests) : requests_(requests), set_(::epoll_create1(0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    for (std::size_t i = 0; i < kClients; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("connect");
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<std::uint32_t>(i);
      ::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &event);
      sockets_.push_back(fd);
    }
  }
  void ask() {
    left_.assign(kClients, std::nullopt);
    for (std::size_t i = 0; i < kClients; ++i)
      if (::send(sockets_[i], requests_[i].data(), requests_[i].size(), MSG_NOSIGNAL) < 0) die("send");
  }
  // When the last one had its answer.
  std::int64_t read_answers() {
    std::vector<epoll_event> events(512);
    for (std::size_t open = kClients; open > 0;) {
      const int count = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), 30'000);
      if (count <= 0) die("waiting for answers");
      for (int i = 0; i < count; ++i)
        if (read_some(events[static_cast<std::size_t>(i)].data.u32)) --open;
    }
    return monotonic_us();
  }

 private:
  // True: the answer is whole. The first piece of one has its whole header.
  bool read_some(std::uint32_t client) {
    const ssize_t count = ::recv(sockets_[client], buffer_.data(), buffer_.size(), 0);
    if (count <= 0) die("recv");
    std::optional<std::size_t>& left = left_[client];
    if (!left) {
      const std::string_view text(buffer_.data(), static_cast<std::size_t>(count));
      const std::size_t end = text.find("\r\n\r\n"), length = text.find("Content-Length: ");
      if (!text.starts_with("HTTP/1.1 200") || end == std::string_view::npos || length > end) die("answer");
      left = end + 4 + static_cast<std::size_t>(std::atoi(buffer_.data() + length + 16));
    }
    *left -= static_cast<std::size_t>(count);
    return *left == 0;
  }

  const Requests& requests_;
  int set_;
  std::vector<int> sockets_;
  std::vector<std::optional<std::size_t>> left_;
  std::array<char, 65536> buffer_{};
};

// The other end of a client process.
class ClientProcess {
 public:
  ClientProcess(std::uint16_t port, const Requests& requests) {
    std::array<int, 2> down{}, up{};
    if (::pipe(down.data()) != 0 || ::pipe(up.data()) != 0) die("pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(down[1]);
      run(port, requests, down[0], up[1]);
    }
    ::close(down[0]);
    ::close(up[1]);
    commands_ = down[1];
    times_ = up[0];
  }
  ~ClientProcess() {
    (void)!::write(commands_, &kQuit, 1);
    ::waitpid(child_, nullptr, 0);
    ::close(commands_);
    ::close(times_);
  }
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;

  void ask() const { (void)!::write(commands_, &kAsk, 1); }
  std::int64_t last_answer_us() const {
    std::int64_t time = 0;
    if (::read(times_, &time, sizeof time) != sizeof time) die("clients");
    return time;
  }

 private:
  [[noreturn]] static void run(std::uint16_t port, const Requests& requests, int commands, int times) {
    pin(1);
    Clients clients(port, requests);
    for (char command = 0; ::read(commands, &command, 1) == 1 && command == kAsk;) {
      clients.ask();
      const std::int64_t time = clients.read_answers();
      if (::write(times, &time, sizeof time) != sizeof time) die("write");
    }
    ::_exit(0);
  }

  pid_t child_ = -1;
  int commands_ = -1;
  int times_ = -1;
};

struct Figures {
  std::vector<double> ms, cpu_ms;
  double kb_each = 0;
};

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

http::Response list_answer(std::string_view cache_control) {
  http::Response response;
  response.headers.set("Content-Type", "application/vnd.apple.mpegurl");
  response.headers.set("Cache-Control", cache_control);
  response.headers.set("ETag", "\"1234-3\"");
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

// What the clients ask for, and what each is given once it is there.
class Stream {
 public:
  explicit Stream(bool is_private) : is_private_(is_private) {
    for (std::size_t i = 0; i < kClients; ++i) requests_.push_back(request_with(is_private ? token(i) : ""));
  }
  const Requests& requests() const { return requests_; }
  // Of the waiting room: empty where each has its own.
  std::string_view answer_name() const { return is_private_ ? "" : "v0 1234.3"; }
  http::Response answer(std::string_view token) const {
    http::Response response = list_answer(is_private_ ? "private, no-store" : "public, max-age=12");
    if (!is_private_) {
      response.body = coded_;
      return response;
    }
    const auto claims = keys_.verify(token);
    if (playback::judge(claims, kStream, "127.0.0.1", wall_now()) != playback::Verdict::kGood) std::exit(1);
    response.body =
        std::make_shared<const std::string>(hls::with_uri_query(text_, std::string("token=").append(token)));
    return response;
  }

 private:
  static constexpr std::string_view kStream = "k3v9q1c8z0";

  std::string token(std::size_t client) const {
    playback::Claims claims;
    claims.stream_id = kStream;
    claims.expires_s = 4'000'000'000;
    claims.viewer = playback::Viewer{client, 1};
    return "&token=" + keys_.sign(claims);
  }

  const bool is_private_;
  const playback::TokenKeys keys_ = playback::TokenKeys::create(Secret(std::string(32, 's'))).value();
  const std::string text_ = playlist();
  const std::shared_ptr<const http::CodedText> coded_ = http::code_text(playlist());
  Requests requests_;
};

// answer_bytes: of one answer, header included.
Figures measure_server(const Stream& stream, std::size_t& answer_bytes) {
  http::WaitingRoom room({kClients, 0});
  std::atomic<int> asked_for{1};
  std::atomic<int> made{0};
  http::ServerConfig config;
  config.limits.connections = kClients + 1;
  config.limits.connections_per_address = 0;
  auto server = http::Server::start(config, [&](http::Request&& request, const http::Responder& responder) {
    const int number = asked_for;
    const bool in = room.wait(
        "stream", request.peer_address, responder, monotonic_us() + kHour,
        [&, number, token = std::string(request.parameter("token"))]() -> std::optional<http::Response> {
          if (made < number) return std::nullopt;
          return stream.answer(token);
        },
        http::Response::problem(503, "not_yet"), stream.answer_name());
    if (!in) std::exit(1);
  });
  if (!server) die("server");
  Figures figures;
  const double before_kb = anonymous_kb();
  const ClientProcess clients((*server)->port(), stream.requests());
  for (int round = 1; round <= kRounds; ++round) {
    asked_for = round;
    clients.ask();
    while (room.waiting() < kClients) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (round == 1) figures.kb_each = (anonymous_kb() - before_kb) / kClients;
    const double cpu_before = cpu_ms();
    const std::int64_t begin = monotonic_us();
    made = round;
    room.wake("stream");
    figures.ms.push_back(static_cast<double>(clients.last_answer_us() - begin) * 1e-3);
    figures.cpu_ms.push_back(cpu_ms() - cpu_before);
  }
  answer_bytes = (*server)->statistics().sent_bytes / (kRounds * kClients);
  return figures;
}

Figures measure_loop(std::size_t bytes) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening, 4096) != 0)
    die("listen");
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  const Requests requests(kClients, request_with(""));
  const ClientProcess clients(ntohs(address.sin_port), requests);
  std::vector<int> sockets;
  for (std::size_t i = 0; i < kClients; ++i) {
    const int on = 1;
    sockets.push_back(::accept(listening, nullptr, nullptr));
    ::setsockopt(sockets.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  std::string header = "HTTP/1.1 200 OK\r\nContent-Length: 0000\r\n\r\n";
  const std::string length = std::to_string(bytes - header.size());
  header.replace(header.find("0000") + 4 - length.size(), length.size(), length);
  const std::string answer = header + std::string(bytes - header.size(), 'x');
  Figures figures;
  for (int round = 1; round <= kRounds; ++round) {
    clients.ask();
    std::array<char, 4096> request{};
    for (const int fd : sockets)
      if (::recv(fd, request.data(), request.size(), 0) <= 0) die("recv");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const double cpu_before = cpu_ms();
    const std::int64_t begin = monotonic_us();
    for (const int fd : sockets)
      if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) die("send");
    figures.ms.push_back(static_cast<double>(clients.last_answer_us() - begin) * 1e-3);
    figures.cpu_ms.push_back(cpu_ms() - cpu_before);
  }
  for (const int fd : sockets) ::close(fd);
  ::close(listening);
  return figures;
}

// One entry of the output for each measure; kind: goes into their names.
void print(const char* kind, const Figures& server, const Figures& loop, const char* note,
           std::size_t answer_bytes) {
  std::printf(
      "{\"measure\": \"memory of a waiting request%s\", \"value\": %.2f, \"unit\": \"KB\", \"note\": "
      "\"%zu of them; connection included, the kernel's not\"},\n"
      "{\"measure\": \"answer to all who wait%s, the last has it\", \"value\": %.1f, \"unit\": \"ms\", "
      "\"bare\": %.1f, \"note\": \"middle of %d; ratio %.2f; %s, %zu bytes each\"},\n"
      "{\"measure\": \"the same, CPU\", \"value\": %.1f, \"unit\": \"ms\", \"bare\": %.1f}",
      kind, server.kb_each, kClients, kind, middle(server.ms), middle(loop.ms), kRounds,
      middle(server.ms) / middle(loop.ms), note, answer_bytes, middle(server.cpu_ms), middle(loop.cpu_ms));
}

// In a process of its own: memory that the case before has let go of would be used again.
void measure(bool is_private) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child != 0) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) std::exit(1);
    return;
  }
  std::size_t answer_bytes = 0;
  const Stream stream(is_private);
  const Figures server = measure_server(stream, answer_bytes);
  const Figures loop = measure_loop(answer_bytes);
  print(is_private ? ", private stream" : "", server, loop,
        is_private ? "written for each token, not compressed" : "compressed once", answer_bytes);
  std::exit(0);
}

}  // namespace

int main() {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  pin(0);
  std::printf("[");
  measure(false);
  std::printf(",\n");
  measure(true);
  std::printf("]\n");
}
