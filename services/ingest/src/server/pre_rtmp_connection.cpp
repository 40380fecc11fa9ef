#include "server/pre_rtmp_connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/survive.hpp"
#include "net/tls_certificate.hpp"
#include "server/protocol_detection.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

namespace {

constexpr std::size_t kMaxHeader = net::ProxyHeaderReader::kMaxLength + 16;
constexpr std::size_t kFirstBytes = 4;

std::uint64_t add(std::atomic<std::uint64_t>& counter) {
  return counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

PreRtmpConnection::PreRtmpConnection(Shard& shard, std::uint64_t id, net::UniqueFd socket, Peer peer,
                                     Preface preface, std::int64_t now_us)
    : shard_(shard),
      id_(id),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      preface_(preface),
      stage_(preface.proxy_header ? Stage::kProxyHeader : Stage::kFirstBytes),
      since_us_(now_us) {
  add(shard_.shared().counters.connections);
}

PreRtmpConnection::~PreRtmpConnection() {
  shard_.shared().counters.connections.fetch_sub(1, std::memory_order_relaxed);
}

void PreRtmpConnection::on_ready(bool, bool) {
  if (stage_ == Stage::kParked) return close();  // it waits for nothing, so the peer has gone
  if (stage_ == Stage::kProxyHeader) read_proxy_header();
  if (stage_ == Stage::kFirstBytes) look_at_first_bytes();
  if (stage_ == Stage::kHandshake) shake_hands();
}

ByteView PreRtmpConnection::peek(std::size_t size) {
  std::vector<std::uint8_t>& buffer = shard_.receive_buffer();
  const ssize_t count = ::recv(fd(), buffer.data(), std::min(size, buffer.size()), MSG_PEEK | MSG_DONTWAIT);
  if (count > 0) return {buffer.data(), static_cast<std::size_t>(count)};
  if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) close();
  return {};
}

void PreRtmpConnection::read_proxy_header() {
  const ByteView bytes = peek(kMaxHeader);
  if (bytes.empty()) return;
  const Result<std::size_t> taken = proxy_header_.receive(bytes);
  if (!taken) return refuse("no PROXY header from a trusted proxy", taken.error().message);
  // Exactly what belongs to the header: the rest is the client's.
  if (::recv(fd(), shard_.receive_buffer().data(), *taken, MSG_DONTWAIT) != static_cast<ssize_t>(*taken))
    return close();
  if (proxy_header_.done()) meet_client();
}

void PreRtmpConnection::meet_client() {
  add(shard_.shared().counters.proxied);
  if (const auto& source = proxy_header_.header().source) {
    auto place = shard_.admit(*source);
    if (!place) return close();
    peer_ = {*source, source->text(), std::move(*place)};
  }
  enter_or_promote();
}

void PreRtmpConnection::enter_or_promote() {
  if (preface_.tls) {
    stage_ = Stage::kFirstBytes;
    return;
  }
  stage_ = Stage::kOver;
  shard_.promote(*this);
}

void PreRtmpConnection::look_at_first_bytes() {
  const ByteView bytes = peek(kFirstBytes);
  if (bytes.empty()) return;
  if (!is_tls(bytes)) {
    add(shard_.shared().counters.protocol_errors);
    return refuse("no TLS on the RTMPS port", detected_protocol(bytes));
  }
  auto stream = net::TlsStream::accept(shard_.shared().certificate->current(), fd());
  if (!stream) return refuse("no TLS stream", stream.error().message);
  tls_ = std::move(*stream);
  stage_ = Stage::kHandshake;
}

void PreRtmpConnection::shake_hands() {
  WorkBudget& budget = shard_.handshake_budget();
  const std::int64_t before = monotonic_us();
  if (!budget.open(before)) {
    stage_ = Stage::kParked;
    shard_.poller().watch(fd(), *this, false, false);
    return shard_.park(id_);
  }
  const net::TlsStream::Handshake result = tls_->handshake();
  budget.spend(monotonic_us() - before);
  switch (result) {
    case net::TlsStream::Handshake::kDone:
      add(shard_.shared().counters.tls_handshakes);
      stage_ = Stage::kOver;
      return shard_.promote(*this);
    case net::TlsStream::Handshake::kWantRead:
      return shard_.poller().watch(fd(), *this, true, false);
    case net::TlsStream::Handshake::kWantWrite:
      return shard_.poller().watch(fd(), *this, true, true);
    case net::TlsStream::Handshake::kFailed:
      add(shard_.shared().counters.tls_failures);
      return refuse("TLS handshake failed", tls_->error());
  }
}

void PreRtmpConnection::resume() {
  if (stage_ != Stage::kParked) return;
  stage_ = Stage::kHandshake;
  shake_hands();
}

void PreRtmpConnection::refuse(std::string_view event, std::string_view why) {
  if (shard_.may_log(monotonic_us())) log::info(event, {{"peer", peer_.text}, {"why", why}});
  close();
}

void PreRtmpConnection::tick(std::int64_t now_us) {
  if (stage_ == Stage::kOver) return;
  const std::int64_t limit = std::chrono::microseconds(shard_.shared().config.handshake).count();
  if (now_us - since_us_ <= limit) return;
  add(shard_.shared().counters.timeouts);
  close();
}

void PreRtmpConnection::on_exception() {
  (void)survives("before rtmp", [this] {
    close();
    shard_.retire_pre_rtmp(id_);  // also when it was just to become a connection
  });
}

void PreRtmpConnection::close() {
  if (stage_ == Stage::kOver) return;
  stage_ = Stage::kOver;
  shard_.poller().remove(fd());
  tls_.reset();
  socket_.reset();
  peer_.place = {};
  shard_.retire_pre_rtmp(id_);
}

}  // namespace millrace::ingest
