// A connection before its first byte of RTMP, where something comes before that: a trusted proxy's header,
// TLS. A silent or half-hearted peer costs this and its deadline.
//
//   [proxy header] ──> [first bytes: is it TLS?] ──> [TLS handshake] ──> Connection
//
// Policies: HANDSHAKE_SECONDS from the accept on, then closed; what is none of these is closed. TLS
// handshakes take at most a quarter of the thread's time, the rest of them waits.
//
// Owner: its Shard; that thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/poller.hpp"
#include "net/proxy_header.hpp"
#include "net/tls_stream.hpp"
#include "net/unique_fd.hpp"
#include "server/peer.hpp"

namespace millrace::ingest {

class Shard;

class PreRtmpConnection final : public net::PollClient {
 public:
  struct Preface {
    bool proxy_header = false;  // from a trusted proxy
    bool tls = false;
  };
  PreRtmpConnection(Shard& shard, std::uint64_t id, net::UniqueFd socket, Peer peer, Preface preface,
                    std::int64_t now_us);
  ~PreRtmpConnection();
  PreRtmpConnection(const PreRtmpConnection&) = delete;
  PreRtmpConnection& operator=(const PreRtmpConnection&) = delete;

  std::uint64_t id() const { return id_; }
  int fd() const { return socket_.get(); }
  std::int64_t since_us() const { return since_us_; }

  void on_ready(bool readable, bool writable) override;
  void on_exception() override;
  void tick(std::int64_t now_us);
  // It waited for its turn to shake hands.
  void resume();
  void close();

  // What becomes of it, for the Connection.
  net::UniqueFd take_socket() { return std::move(socket_); }
  std::unique_ptr<net::TlsStream> take_tls() { return std::move(tls_); }
  Peer take_peer() { return std::move(peer_); }

 private:
  enum class Stage : std::uint8_t { kProxyHeader, kFirstBytes, kHandshake, kParked, kOver };

  // These go on to the next stage, or not yet, or never: then the stage stays or is kOver.
  void read_proxy_header();
  void meet_client();
  void look_at_first_bytes();
  void shake_hands();
  void enter_or_promote();
  // MSG_PEEK into the shard's buffer; empty: nothing yet, or closed.
  ByteView peek(std::size_t size);
  void refuse(std::string_view event, std::string_view why);

  Shard& shard_;
  std::uint64_t id_;
  net::UniqueFd socket_;
  Peer peer_;
  Preface preface_;
  Stage stage_;
  std::int64_t since_us_;
  net::ProxyHeaderReader proxy_header_;
  std::unique_ptr<net::TlsStream> tls_;
};

}  // namespace millrace::ingest
