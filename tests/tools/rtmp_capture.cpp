// rtmp_capture [--port N] FILE: takes one RTMP connection, says yes to everything and writes what the
// peer sent to FILE. So the captures in libs/rtmp/captures were made. Prints the port, then every action but
// payload.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "rtmp/server_session.hpp"
#include "socket.hpp"

namespace {

using millrace::Bytes;
using millrace::ByteView;
namespace rtmp = millrace::rtmp;

// Answers one action; false when the connection is over.
class Answers {
 public:
  Answers(rtmp::ServerSession& session, const millrace::tools::Socket& peer)
      : session_(session), peer_(peer) {}

  bool operator()(const rtmp::SendBytes& action) const { return peer_.send(action.bytes); }
  bool operator()(const rtmp::PublishRequested& action) const {
    std::printf("publish app=%s name=%s query=%s type=%s version=%s\n", action.app.c_str(),
                action.name.c_str(), action.query.c_str(), action.type.c_str(), action.flash_version.c_str());
    return peer_.send(session_.accept_publish(action.message_stream_id));
  }
  bool operator()(const rtmp::PlayRequested& action) const {
    std::printf("play app=%s name=%s\n", action.app.c_str(), action.name.c_str());
    return peer_.send(session_.accept_play(action.message_stream_id));
  }
  bool operator()(const rtmp::MessageBegin& action) const {
    std::printf("message type=%d time=%u size=%u chunk_stream=%u\n", static_cast<int>(action.type),
                action.timestamp_ms, action.size, action.chunk_stream_id);
    return true;
  }
  bool operator()(const rtmp::PublishEnded&) const {
    std::printf("publish ended\n");
    return true;
  }
  bool operator()(const rtmp::Close& action) const {
    std::printf("close %s\n", std::string(action.error.code).c_str());
    return false;
  }
  template <class T>
  bool operator()(const T&) const {
    return true;
  }

 private:
  rtmp::ServerSession& session_;
  const millrace::tools::Socket& peer_;
};

void serve(const millrace::tools::Socket& peer, std::ofstream& file) {
  rtmp::ServerSession session;
  std::vector<rtmp::Action> actions;
  Bytes buffer(64 << 10);
  for (;;) {
    const std::ptrdiff_t count = peer.receive(buffer, -1);
    if (count <= 0) return;
    file.write(reinterpret_cast<const char*>(buffer.data()), count);
    ByteView rest = ByteView(buffer).first(static_cast<std::size_t>(count));
    while (!rest.empty()) {
      actions.clear();
      rest = rest.subspan(session.receive(rest, actions));
      for (const rtmp::Action& action : actions) {
        if (!std::visit(Answers(session, peer), action)) return;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  int at = 1;
  if (argc > 2 && std::strcmp(argv[1], "--port") == 0) {
    port = static_cast<std::uint16_t>(std::stoi(argv[2]));
    at = 3;
  }
  if (argc != at + 1) millrace::tools::die("usage: rtmp_capture [--port N] FILE");
  const auto listener = millrace::tools::Socket::listen(port);
  std::printf("port %u\n", listener.local_port());
  std::fflush(stdout);
  std::ofstream file(argv[at], std::ios::binary);
  serve(listener.accept(), file);
  return 0;
}
