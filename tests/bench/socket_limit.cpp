// The floor: what the same bytes cost a bare socket loop that does nothing else with them.
//
//   socket_limit receive --streams N [--pause-ms P]   N publishers' traffic (per second 30 pictures of
//                                                     12.75 KB and 47 sounds of 350 B), read every P ms
//   socket_limit send --players N [--pause-ms P]      one stream of 3.2 Mbit/s to N players, one write for
//                                                     each every P ms
//
// The loop runs on core 0, its peer on core 1; 127.0.0.1 only. One line of JSON: CPU seconds per GB (1e9
// bytes), calls per second.
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
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr std::size_t kPictureBytes = 12'768;
constexpr std::size_t kSoundBytes = 353;
constexpr microseconds kPicture{33'333};
constexpr microseconds kSound{21'333};
constexpr microseconds kTick{2'000};
constexpr std::chrono::seconds kWindow{6};
constexpr double kStreamBytesPerSecond = kPictureBytes * 30 + kSoundBytes * 46.9;

struct Options {
  bool receive = false;
  int connections = 200;
  int pause_ms = 10;
};

struct Result {
  std::uint64_t bytes = 0;
  std::uint64_t calls = 0;
  double cpu_seconds = 0;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void pin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  (void)::sched_setaffinity(0, sizeof cores, &cores);
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int listener(sockaddr_in& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 4096) != 0) die("listen");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return fd;
}

std::vector<int> dial(const sockaddr_in& address, int count) {
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("connect");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockets.push_back(fd);
  }
  return sockets;
}

// --- the peers ---

void publish(const std::vector<int>& sockets) {
  struct Due {
    Clock::time_point picture, sound;
  };
  static const std::vector<char> bytes(1U << 18, 7);
  const Clock::time_point begin = Clock::now();
  std::vector<Due> due;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const Clock::time_point first = begin + kPicture * i / sockets.size();
    due.push_back({first, first});
  }
  for (Clock::time_point now = begin; now < begin + kWindow; now = Clock::now()) {
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      std::size_t size = 0;
      for (; due[i].picture <= now; due[i].picture += kPicture) size += kPictureBytes;
      for (; due[i].sound <= now; due[i].sound += kSound) size += kSoundBytes;
      if (size > 0 && ::send(sockets[i], bytes.data(), std::min(size, bytes.size()), MSG_NOSIGNAL) < 0)
        return;
    }
    std::this_thread::sleep_for(kTick);
  }
}

// Woken by what comes, as rtmpload's players are: waking it is part of what sending costs.
void watch(const std::vector<int>& sockets) {
  const int set = ::epoll_create1(0);
  for (const int fd : sockets) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  }
  static std::vector<char> buffer(1U << 18);
  std::vector<epoll_event> events(512);
  for (;;) {
    const int count = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 2000);
    if (count <= 0) return;
    for (int i = 0; i < count; ++i) {
      if (::recv(events[static_cast<std::size_t>(i)].data.fd, buffer.data(), buffer.size(), 0) <= 0) return;
    }
  }
}

// --- the loops ---

Result receive(const std::vector<int>& sockets, microseconds pause) {
  const int set = ::epoll_create1(0);
  for (const int fd : sockets) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  }
  static std::vector<char> buffer(1U << 18);
  std::vector<epoll_event> events(512);
  Result result;
  const double begin = cpu_seconds();
  for (std::size_t open = sockets.size(); open > 0;) {
    const int count = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 1000);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      ++result.calls;
      if (got > 0) {
        result.bytes += static_cast<std::uint64_t>(got);
      } else {
        ::close(fd);
        --open;
      }
    }
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
  }
  result.cpu_seconds = cpu_seconds() - begin;
  return result;
}

Result send(const std::vector<int>& sockets, microseconds pause) {
  const auto size =
      static_cast<std::size_t>(kStreamBytesPerSecond * static_cast<double>(pause.count()) * 1e-6);
  static const std::vector<char> bytes(1U << 20, 7);
  Result result;
  const double begin = cpu_seconds();
  const Clock::time_point start = Clock::now();
  for (Clock::time_point next = start; next < start + kWindow; next += pause) {
    std::this_thread::sleep_until(next);
    for (const int fd : sockets) {
      const ssize_t sent =
          ::send(fd, bytes.data(), std::min(size, bytes.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
      ++result.calls;
      if (sent > 0) result.bytes += static_cast<std::uint64_t>(sent);
    }
  }
  result.cpu_seconds = cpu_seconds() - begin;
  return result;
}

Options parse(int argc, char** argv) {
  Options options;
  const std::string mode = argc > 1 ? argv[1] : "";
  options.receive = mode == "receive";
  if (!options.receive && mode != "send")
    std::fputs("usage: socket_limit receive|send …\n", stderr), std::exit(2);
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (name == "--streams" || name == "--players") options.connections = std::max(value, 1);
    if (name == "--pause-ms") options.pause_ms = std::max(value, options.receive ? 0 : 1);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  rlimit descriptors{20'000, 20'000};
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  sockaddr_in address{};
  const int listening = listener(address);
  const pid_t peer = ::fork();
  if (peer == 0) {
    pin(1);
    const std::vector<int> sockets = dial(address, options.connections);
    options.receive ? publish(sockets) : watch(sockets);
    ::_exit(0);
  }
  pin(0);
  std::vector<int> sockets;
  const int on = 1;
  for (int i = 0; i < options.connections; ++i) {
    sockets.push_back(::accept(listening, nullptr, nullptr));
    ::setsockopt(sockets.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const microseconds pause{options.pause_ms * 1000};
  const Result result = options.receive ? receive(sockets, pause) : send(sockets, pause);
  if (!options.receive) {
    for (const int fd : sockets) ::close(fd);
  }
  ::waitpid(peer, nullptr, 0);
  const double gigabytes = static_cast<double>(result.bytes) * 1e-9;
  std::printf(R"({"cpu_s_per_gb":%.4f,"calls_per_second":%.0f,"us_per_call":%.2f,"gb":%.3f})"
              "\n",
              result.cpu_seconds / gigabytes,
              static_cast<double>(result.calls) / static_cast<double>(kWindow.count()),
              result.cpu_seconds / static_cast<double>(result.calls) * 1e6, gigabytes);
}
