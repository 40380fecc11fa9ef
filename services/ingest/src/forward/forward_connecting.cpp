// From a name to an accepted publish: resolving, TCP, TLS, the RTMP session.
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "forward/forward.hpp"
#include "forward/forward_set.hpp"
#include "rtmp/capabilities.hpp"
#include "server/shard.hpp"

namespace millrace::ingest {

namespace {

// A dead peer is noticed although nothing comes back: half a minute without an acknowledgement.
constexpr unsigned kUserTimeoutMs = 30'000;
constexpr int kReadsPerWakeUp = 4;
// The key and the password would go over the wire for all to read.
constexpr std::string_view kWithoutTls = "the server sends a forward that uses TLS to a place without";

// Everything that a log can hold goes on as it came.
const std::vector<std::string>& four_ccs() {
  static const std::vector<std::string> all = {"avc1", "hvc1", "av01", "vp09", "mp4a",
                                               "Opus", "fLaC", "ac-3", "ec-3", ".mp3"};
  return all;
}

net::UniqueFd open_socket(const net::SocketAddress& address, int unsent_bytes) {
  net::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof(kUserTimeoutMs));
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
  return fd;
}

}  // namespace

void Forward::begin_attempt() {
  enter(ForwardState::kResolving);
  const std::uint64_t attempt = ++attempt_;
  status_->attempts.fetch_add(1, std::memory_order_relaxed);
  if (const Result<void> allowed = set_.forwards().check(url_); !allowed) {
    return fail_attempt(ForwardReason::kNotAllowed, allowed.error().message);
  }
  if (const auto literal = net::literal_address(url_.host, url_.port)) return connect_to({*literal});
  set_.forwards().resolver().resolve(
      url_.host, url_.port, now_us_ + kResolveUs,
      [&set = set_, number = number_, attempt](Result<std::vector<net::SocketAddress>> addresses) {
        set.post_to(number, [attempt, addresses = std::move(addresses)](Forward& forward) {
          forward.resolved(attempt, addresses);
        });
      });
}

void Forward::resolved(std::uint64_t attempt, Result<std::vector<net::SocketAddress>> addresses) {
  if (attempt != attempt_ || state_ != ForwardState::kResolving) return;
  now_us_ = monotonic_us();
  if (!addresses) return fail_attempt(ForwardReason::kUnresolved, addresses.error().message);
  connect_to(*addresses);
}

// Every address is judged right before it is connected to: a name may lead elsewhere today.
void Forward::connect_to(const std::vector<net::SocketAddress>& addresses) {
  addresses_.clear();
  for (const net::SocketAddress& address : addresses) {
    if (set_.forwards().egress().check_address(address.get(), address.length)) addresses_.push_back(address);
  }
  next_address_ = 0;
  if (addresses_.empty()) {
    return fail_attempt(ForwardReason::kNotAllowed, "the name leads to no address that may be connected to");
  }
  connect_next();
}

void Forward::connect_next() {
  if (polled_) shard_.poller().remove(connecting_.get());
  polled_ = false;
  connecting_.reset();
  if (next_address_ == addresses_.size()) return fail_attempt(ForwardReason::kUnreachable, "no connection");
  const net::SocketAddress& address = addresses_[next_address_++];
  enter(ForwardState::kConnecting);
  connecting_ = open_socket(address, kUnsentBytes);
  if (!connecting_) return fail_attempt(ForwardReason::kUnreachable, std::strerror(errno));
  const bool begun = ::connect(connecting_.get(), address.get(), address.length) == 0 || errno == EINPROGRESS;
  if (!begun && next_address_ == addresses_.size()) {
    return fail_attempt(ForwardReason::kUnreachable, std::strerror(errno));
  }
  if (!begun) return connect_next();
  if (!shard_.poller().add(connecting_.get(), *this)) {
    return fail_attempt(ForwardReason::kUnreachable, "no room to watch the socket");
  }
  polled_ = true;
  watching_writable_ = true;
  shard_.poller().watch(connecting_.get(), *this, true, true);
}

void Forward::connected() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(connecting_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0 && next_address_ == addresses_.size()) {
    return fail_attempt(ForwardReason::kUnreachable, std::strerror(error));
  }
  if (error != 0) return connect_next();
  if (!url_.tls) return open_session();
  auto stream = net::TlsStream::connect(set_.forwards().tls(), connecting_.get(), url_.host);
  if (!stream) return fail_attempt(ForwardReason::kTls, stream.error().message);
  securing_ = std::move(*stream);
  enter(ForwardState::kSecuring);
  secure();
}

void Forward::secure() {
  switch (securing_->handshake()) {
    case net::TlsStream::Handshake::kDone:
      return open_session();
    case net::TlsStream::Handshake::kWantRead:
      return watch(false);
    case net::TlsStream::Handshake::kWantWrite:
      return watch(true);
    case net::TlsStream::Handshake::kFailed:
      return fail_attempt(ForwardReason::kTls, securing_->error());
  }
}

void Forward::open_session() {
  transport_ = Transport(std::move(connecting_), std::move(securing_));
  enter(ForwardState::kOpening);
  rtmp::ClientRequest request = rtmp::client_request(url_, rtmp::ClientUse::kPublish);
  request.authentication = authentication_;
  request.four_ccs = four_ccs();
  request.caps_ex = rtmp::kCapsReconnect | rtmp::kCapsMultitrack | rtmp::kCapsModEx;
  session_.emplace(std::move(request), random_u64());
  shut_ = false;
  window_bytes_ = 0;
  window_since_us_ = now_us_;
  (void)outbox_.append(session_->begin());  // fits
  (void)flush_outbox();
}

// --- what the server says ---

void Forward::read() {
  std::vector<std::uint8_t>& buffer = shard_.receive_buffer();
  for (int i = 0; i < kReadsPerWakeUp; ++i) {
    const ssize_t count = transport_.receive(buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) {
      return fail_attempt(ForwardReason::kClosed,
                          count == 0 ? "closed by the server" : transport_.failure(errno));
    }
    if (state_ != ForwardState::kClosing && !take({buffer.data(), static_cast<std::size_t>(count)})) return;
    if (static_cast<std::size_t>(count) < buffer.size() && !transport_.readable()) return;
  }
  if (transport_.readable()) {
    set_.post_to(number_, [attempt = attempt_](Forward& forward) {
      if (forward.attempt_ == attempt) forward.on_ready(true, false);
    });
  }
}

// False when the attempt is over.
bool Forward::take(ByteView bytes) {
  if (now_us_ - window_since_us_ > kServerWindowUs) {
    window_since_us_ = now_us_;
    window_bytes_ = 0;
  }
  window_bytes_ += bytes.size();
  if (window_bytes_ > kMaxServerBytes) {
    fail_attempt(ForwardReason::kProtocol, "sends what nobody asked for");
    return false;
  }
  std::vector<rtmp::ClientAction> actions = std::move(actions_);
  actions.clear();
  session_->receive(bytes, actions);
  const std::uint64_t attempt = attempt_;
  for (rtmp::ClientAction& action : actions) {
    std::visit([this](auto& each) { perform(each); }, action);
    if (attempt != attempt_ || state_ == ForwardState::kGone) return false;
  }
  actions_ = std::move(actions);
  const bool in_message = feed_ && feed_->in_message();
  return in_message || outbox_.empty() || flush_outbox();
}

void Forward::perform(const rtmp::SendBytes& action) {
  if (!outbox_.append(action.bytes)) fail_attempt(ForwardReason::kSlow, "does not read");
}

void Forward::perform(const rtmp::Ready& action) {
  log::info("forward sends", {{"forward", spec_->id}, {"stream", stream_id()}, {"target", url_.label()}});
  enter(ForwardState::kSending);
  progress_us_ = now_us_;
  feed_ = std::make_unique<ForwardFeed>(action.message_stream_id, rtmp::kClientChunkSize,
                                        action.capabilities.takes_multitrack());
  open_log();
  pump();
}

void Forward::perform(const rtmp::Refused& action) {
  fail_attempt(ForwardReason::kRefused, action.code + " " + action.description);
}

void Forward::perform(const rtmp::Ended& action) {
  fail_attempt(ForwardReason::kEnded, action.code + " " + action.description);
}

void Forward::perform(const rtmp::Close& action) {
  fail_attempt(ForwardReason::kProtocol, action.error.message);
}

void Forward::perform(const rtmp::StatusReceived& action) {
  log::debug("a forward's server says",
             {{"forward", spec_->id}, {"stream", stream_id()}, {"code", action.code}});
}

// Each is met on a connection of its own, at once: a server that never has enough of it waits like others.
void Forward::perform(const rtmp::Challenged& action) {
  if (++challenges_ > kMaxChallenges)
    return fail_attempt(ForwardReason::kRefused, "the server asks for a name and password again and again");
  restart_with(url_, action.authentication, ForwardReason::kRefused);
}

void Forward::perform(const rtmp::Redirected& action) {
  auto url = rtmp::parse_url(action.tc_url + "/" + url_.name);
  if (!url || ++redirects_ > kMaxRedirects) {
    return fail_attempt(ForwardReason::kRedirects, url ? "too many redirects" : url.error().message);
  }
  if (url_.tls && !url->tls) return fail_attempt(ForwardReason::kRedirects, kWithoutTls);
  url->user = url_.user;
  url->password = url_.password;
  restart_with(std::move(*url), {}, ForwardReason::kRedirects);
}

// Asked too soon again, it waits as after a failure.
void Forward::perform(const rtmp::ReconnectRequested& action) {
  auto url = rtmp::parse_url(action.tc_url + "/" + url_.name);
  const bool in_clear = url && url_.tls && !url->tls;
  const bool elsewhere =
      url && !in_clear && state_ == ForwardState::kSending && now_us_ - state_since_us_ >= kSettledUs;
  if (feed_ && !feed_->in_message() && session_) (void)outbox_.append(session_->finish());
  (void)outbox_.flush();
  if (!elsewhere) {
    return fail_attempt(ForwardReason::kAsked, in_clear ? kWithoutTls : "the server asks to reconnect", true);
  }
  forget_detours();
  url->user = url_.user;
  url->password = url_.password;
  restart_with(std::move(*url), {}, ForwardReason::kAsked);
}

void Forward::forget_detours() {
  redirects_ = 0;
  challenges_ = 0;
}

// Another connection at once, as the server wants it.
void Forward::restart_with(rtmp::Url url, std::string authentication, ForwardReason reason) {
  disconnect();
  url_ = std::move(url);
  authentication_ = std::move(authentication);
  status_->reason.store(reason, std::memory_order_relaxed);
  if (source_ended_) return enter(ForwardState::kGone);
  begin_attempt();
}

}  // namespace millrace::ingest
