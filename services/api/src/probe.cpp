#include "probe.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/unique_fd.hpp"

namespace millrace::api {

bool answers(std::uint16_t port, const std::string& request, std::chrono::milliseconds patience) {
  const net::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return false;
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return false;
  pollfd readable{socket.get(), POLLIN, 0};
  if (::poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return false;
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) == 1;
}

}  // namespace millrace::api
