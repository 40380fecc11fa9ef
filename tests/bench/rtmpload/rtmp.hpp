// A non-blocking RTMP client connection: plain handshake, chunk reader/writer, command flow.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "amf0.hpp"

inline uint64_t nowUs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1000000u + uint64_t(t.tv_nsec) / 1000u;
}

struct Url {
  std::string host, app, stream;
  uint16_t port = 1935;
  static bool parse(const std::string& u, Url& o) {
    if (u.rfind("rtmp://", 0) != 0) return false;
    const size_t a = u.find('/', 7), b = a == std::string::npos ? a : u.find('/', a + 1);
    if (b == std::string::npos) return false;
    std::string hp = u.substr(7, a - 7);
    if (size_t c = hp.find(':'); c != std::string::npos) {
      o.port = uint16_t(atoi(hp.c_str() + c + 1));
      hp.resize(c);
    }
    o.host = hp;
    o.app = u.substr(a + 1, b - a - 1);
    o.stream = u.substr(b + 1);
    return !o.host.empty() && !o.app.empty() && !o.stream.empty();
  }
  std::string streamFor(int i) const {
    std::string s = stream;
    if (size_t p = s.find("%d"); p != std::string::npos) s.replace(p, 2, std::to_string(i));
    return s;
  }
};

// The latency stamp: an H.264 SEI (user_data_unregistered) with this UUID and, in hexadecimal ASCII (so that
// no emulation prevention is ever needed): 16 digits CLOCK_MONOTONIC us, 8 digits frame number, 8 digits
// stream number.
namespace stamp {
inline constexpr uint8_t kUuid[17] = "RTMPLOAD-SEI-v01";
inline constexpr size_t kNal = 1 + 1 + 1 + 16 + 32 + 1, kTotal = 4 + kNal;
inline void hex(uint8_t* p, uint64_t v, int n) {
  for (int i = n - 1; i >= 0; --i, v >>= 4) p[i] = uint8_t("0123456789abcdef"[v & 15]);
}
inline uint64_t unhex(const uint8_t* p, int n) {
  uint64_t v = 0;
  for (int i = 0; i < n; ++i) v = v << 4 | uint64_t(p[i] <= '9' ? p[i] - '0' : p[i] - 'a' + 10);
  return v;
}
inline void write(uint8_t* p, uint64_t us, uint32_t frame, uint32_t stream) {
  p[0] = p[1] = p[2] = 0;
  p[3] = uint8_t(kNal);
  p[4] = 6;
  p[5] = 5;
  p[6] = 48;
  memcpy(p + 7, kUuid, 16);
  hex(p + 23, us, 16);
  hex(p + 39, frame, 8);
  hex(p + 47, stream, 8);
  p[55] = 0x80;
}
inline bool read(const uint8_t* p, size_t n, uint64_t& us, uint32_t& frame) {
  auto* q = static_cast<const uint8_t*>(memmem(p, n, kUuid, 16));
  if (!q || q + 16 + 24 > p + n) return false;
  us = unhex(q + 16, 16);
  frame = uint32_t(unhex(q + 32, 8));
  return true;
}
}  // namespace stamp

class RtmpConn {
 public:
  enum class Role { Publish, Play, Handshake, Connect };
  enum class Phase { Idle, Tcp, Handshake, AppConnect, CreateStream, Start, Active, Closed };
  static constexpr size_t kHead = 256;  // how much of each media message is kept for inspection

  struct Listener {
    virtual void onActive(RtmpConn&) {}
    virtual void onClosed(RtmpConn&, const char*) {}
    // Called at the end of each audio (8), video (9), data (18) message; head: its first min(len, kHead)
    // bytes.
    virtual void onMessage(RtmpConn&, uint8_t, uint32_t, const uint8_t*, uint32_t, uint32_t) {}
    virtual ~Listener() = default;
  };

  int fd = -1, index = 0;
  Role role = Role::Play;
  Phase phase = Phase::Idle;
  uint64_t tOpen = 0, tTcp = 0, tHandshake = 0, tConnect = 0, tActive = 0;
  uint64_t bytesIn = 0, bytesOut = 0;
  bool wantWrite = false;
  Listener* listener = nullptr;
  uint32_t msid = 1, outChunk = 4096;

  bool open(const Url& u, const std::string& stream, int rcvbuf, int portOffset = 0) {
    url_ = &u;
    stream_ = stream;
    tOpen = nowUs();
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail("socket");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (rcvbuf > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(uint16_t(u.port + portOffset));
    if (inet_pton(AF_INET, u.host.c_str(), &a.sin_addr) != 1) return fail("address");
    phase = Phase::Tcp;
    wantWrite = true;
    if (connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 && errno != EINPROGRESS)
      return fail("connect");
    return true;
  }

  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
    phase = Phase::Closed;
  }

  size_t pending() const { return out_.size() - outPos_; }

  void onWritable() {
    if (phase == Phase::Tcp) {
      int err = 0;
      socklen_t n = sizeof err;
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
      if (err) {
        fail(err == ECONNREFUSED ? "connect refused" : "connect failed");
        return;
      }
      tTcp = nowUs();
      phase = Phase::Handshake;
      uint8_t c[1537];
      c[0] = 3;
      memset(c + 1, 0, 8);  // plain handshake: time 0, version 0
      for (size_t i = 9; i < sizeof c; ++i) c[i] = uint8_t(i * 131 + size_t(index));
      append(c, sizeof c);
    }
    flush();
  }

  // `buf`: scratch shared by all connections, at least kCarry + some KiB.
  static constexpr size_t kCarry = 4096;
  void onReadable(std::vector<uint8_t>& buf) {
    for (;;) {
      if (phase == Phase::Closed) return;
      memcpy(buf.data(), carry_, carryLen_);
      const size_t space = buf.size() - carryLen_;
      const ssize_t n = recv(fd, buf.data() + carryLen_, space, 0);
      if (n == 0) {
        fail("closed by server");
        return;
      }
      if (n < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
          fail(errno == ECONNRESET ? "reset by server" : "recv failed");
        return;
      }
      bytesIn += uint64_t(n);
      const uint8_t* p = buf.data();
      const uint8_t* e = p + carryLen_ + size_t(n);
      carryLen_ = 0;
      p = phase == Phase::Handshake ? handshake(p, e) : p;
      if (p) p = chunks(p, e);
      if (phase == Phase::Closed) return;
      if (!p) {
        fail("protocol error");
        return;
      }
      carryLen_ = size_t(e - p);
      if (carryLen_ > sizeof carry_) {
        fail("carry overflow");
        return;
      }
      memcpy(carry_, p, carryLen_);
      if (ackWindow_ && bytesIn - acked_ >= ackWindow_) {
        acked_ = bytesIn;
        control(3, uint32_t(bytesIn));
      }
      if (pending()) flush();
      if (phase == Phase::Closed || size_t(n) < space) return;
    }
  }

  // Appends one message in chunks; flush() sends. Two parts: no copy of the whole is needed for the stamp.
  void message(uint8_t csid, uint8_t type, uint32_t ts, uint32_t sid, const uint8_t* a, size_t an,
               const uint8_t* b = nullptr, size_t bn = 0) {
    const size_t len = an + bn;
    const bool ext = ts >= 0xffffff;
    uint8_t h[16];
    h[0] = csid;
    put24(h + 1, ext ? 0xffffff : ts);
    put24(h + 4, uint32_t(len));
    h[7] = type;
    h[8] = uint8_t(sid);
    h[9] = uint8_t(sid >> 8);
    h[10] = uint8_t(sid >> 16);
    h[11] = uint8_t(sid >> 24);
    put32(h + 12, ts);
    append(h, ext ? 16 : 12);
    size_t left = outChunk;
    auto put = [&](const uint8_t* p, size_t n) {
      while (n) {
        if (!left) {
          uint8_t c[5] = {uint8_t(0xc0 | csid)};
          put32(c + 1, ts);
          append(c, ext ? 5 : 1);
          left = outChunk;
        }
        const size_t k = n < left ? n : left;
        append(p, k);
        p += k;
        n -= k;
        left -= k;
      }
    };
    put(a, an);
    put(b, bn);
  }

  void flush() {
    while (outPos_ < out_.size()) {
      const ssize_t n = send(fd, out_.data() + outPos_, out_.size() - outPos_, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
          wantWrite = true;
          break;
        }
        fail(errno == EPIPE        ? "closed by server (write)"
             : errno == ECONNRESET ? "reset by server"
                                   : "send failed");
        return;
      }
      outPos_ += size_t(n);
      bytesOut += uint64_t(n);
    }
    if (outPos_ == out_.size()) {
      out_.clear();
      outPos_ = 0;
      wantWrite = false;
    } else if (outPos_ > (1u << 20)) {
      out_.erase(out_.begin(), out_.begin() + long(outPos_));
      outPos_ = 0;
    }
  }

 private:
  struct Chunk {
    uint32_t csid = 0, ts = 0, len = 0, msid = 0, got = 0, tsField = 0;
    uint8_t type = 0;
    bool ext = false;
    uint8_t head[kHead];
    std::string body;  // only for control, command and data messages
  };

  static void put24(uint8_t* p, uint32_t v) {
    p[0] = uint8_t(v >> 16);
    p[1] = uint8_t(v >> 8);
    p[2] = uint8_t(v);
  }
  static void put32(uint8_t* p, uint32_t v) {
    p[0] = uint8_t(v >> 24);
    put24(p + 1, v);
  }
  static uint32_t get24(const uint8_t* p) { return uint32_t(p[0]) << 16 | uint32_t(p[1]) << 8 | p[2]; }
  static uint32_t get32(const uint8_t* p) { return uint32_t(p[0]) << 24 | get24(p + 1); }
  void append(const uint8_t* p, size_t n) { out_.insert(out_.end(), p, p + n); }

  bool fail(const char* why) {
    if (phase == Phase::Closed) return false;
    if (fd >= 0) ::close(fd);
    fd = -1;
    phase = Phase::Closed;
    if (listener) listener->onClosed(*this, why);
    return false;
  }

  void control(uint8_t type, uint32_t v) {
    uint8_t b[4];
    put32(b, v);
    message(2, type, 0, 0, b, 4);
  }
  void command(uint32_t sid, const amf0::Writer& w) {
    auto& s = w.bytes();
    message(3, 20, 0, sid, reinterpret_cast<const uint8_t*>(s.data()), s.size());
  }

  const uint8_t* handshake(const uint8_t* p, const uint8_t* e) {
    if (e - p < 1 + 1536 + 1536) return p;  // at most 3072 bytes are carried
    if (p[0] != 3) return nullptr;
    append(p + 1, 1536);  // C2 = S1
    tHandshake = nowUs();
    phase = Phase::AppConnect;
    if (role == Role::Handshake) {
      activate();
      return p + 3073;
    }
    const uint32_t want = outChunk;
    outChunk = 128;
    control(1, want);
    outChunk = want;
    amf0::Writer w;
    w.str("connect").num(1).obj().key("app").str(url_->app);
    if (role == Role::Publish) w.key("type").str("nonprivate");
    w.key("flashVer")
        .str(role == Role::Publish ? "FMLE/3.0 (compatible; rtmpload)" : "LNX 9,0,124,2")
        .key("tcUrl")
        .str("rtmp://" + url_->host + ":" + std::to_string(url_->port) + "/" + url_->app);
    if (role != Role::Publish)
      w.key("fpad")
          .boolean(false)
          .key("capabilities")
          .num(15)
          .key("audioCodecs")
          .num(4071)
          .key("videoCodecs")
          .num(252)
          .key("videoFunction")
          .num(1);
    w.end();
    command(0, w);
    return p + 3073;
  }

  void activate() {
    tActive = nowUs();
    phase = Phase::Active;
    if (listener) listener->onActive(*this);
  }

  const uint8_t* chunks(const uint8_t* p, const uint8_t* e) {
    if (phase == Phase::Handshake) return p;
    while (p < e) {
      if (cur_) {  // inside a chunk's payload
        const size_t n = std::min<size_t>(size_t(e - p), curLeft_);
        take(*cur_, p, n);
        p += n;
        curLeft_ -= uint32_t(n);
        if (curLeft_ == 0) {
          Chunk& c = *cur_;
          cur_ = nullptr;
          if (c.got == c.len) {
            finish(c);
            c.got = 0;
            c.body.clear();
            if (phase == Phase::Closed) return e;
          }
        }
        continue;
      }
      const uint8_t* q = p;
      const int fmt = *q >> 6;
      uint32_t csid = *q++ & 63;
      if (csid == 0) {
        if (e - q < 1) return p;
        csid = 64u + *q++;
      } else if (csid == 1) {
        if (e - q < 2) return p;
        csid = 64u + q[0] + q[1] * 256u;
        q += 2;
      }
      static constexpr int kLen[4] = {11, 7, 3, 0};
      if (e - q < kLen[fmt]) return p;
      Chunk& c = chunk(csid);
      const uint32_t tsField = fmt < 3 ? get24(q) : c.tsField;
      const bool ext = tsField == 0xffffff;
      if (e - q < kLen[fmt] + (ext ? 4 : 0)) return p;
      if (fmt < 2) {
        c.len = get24(q + 3);
        c.type = q[6];
      }
      if (fmt == 0)
        c.msid = uint32_t(q[7]) | uint32_t(q[8]) << 8 | uint32_t(q[9]) << 16 | uint32_t(q[10]) << 24;
      q += kLen[fmt];
      uint32_t t = tsField;
      if (ext) {
        t = get32(q);
        q += 4;
      }
      c.tsField = tsField;
      if (c.got == 0) {
        if (fmt == 0)
          c.ts = t;
        else
          c.ts += t;
      }
      p = q;
      if (c.len > (64u << 20)) return nullptr;
      curLeft_ = std::min(c.len - c.got, inChunk_);
      cur_ = &c;
      if (c.len == 0) {
        cur_ = nullptr;
        finish(c);
      }
    }
    return p;
  }

  Chunk& chunk(uint32_t csid) {
    for (auto& c : chunks_)
      if (c->csid == csid) return *c;
    chunks_.push_back(std::make_unique<Chunk>());
    chunks_.back()->csid = csid;
    return *chunks_.back();
  }

  static void take(Chunk& c, const uint8_t* p, size_t n) {
    if (c.got < kHead) memcpy(c.head + c.got, p, std::min<size_t>(n, kHead - c.got));
    if (c.type != 8 && c.type != 9) c.body.append(reinterpret_cast<const char*>(p), n);
    c.got += uint32_t(n);
  }

  void finish(Chunk& c) {
    const auto* b = reinterpret_cast<const uint8_t*>(c.body.data());
    switch (c.type) {
      case 1:
        if (c.len >= 4) inChunk_ = std::max(1u, get32(b) & 0x7fffffff);
        break;
      case 5:
        if (c.len >= 4) ackWindow_ = get32(b);
        break;
      case 6:
        if (c.len >= 4) control(5, get32(b));
        break;
      case 4:
        if (c.len >= 6 && b[0] == 0 && b[1] == 6) {  // ping
          uint8_t r[6] = {0, 7, b[2], b[3], b[4], b[5]};
          message(2, 4, 0, 0, r, 6);
        }
        break;
      case 17:
        if (c.len > 1) onCommand(b + 1, c.len - 1);
        break;
      case 20:
        onCommand(b, c.len);
        break;
      case 8:
      case 9:
      case 18:
        if (listener)
          listener->onMessage(*this, c.type, c.ts, c.type == 18 ? b : c.head,
                              c.type == 18 ? c.len : uint32_t(std::min<size_t>(c.len, kHead)), c.len);
        break;
      default:
        break;
    }
  }

  void onCommand(const uint8_t* p, size_t n) {
    amf0::Reader r(p, n);
    std::string_view name, code;
    double txn = 0;
    if (!r.string(name) || !r.number(txn)) return;
    if (name == "_result" || name == "_error") {
      if (name == "_error" && (txn == 1 || txn == 4)) {
        fail("command refused");
        return;
      }
      if (txn == 1 && phase == Phase::AppConnect) {
        tConnect = nowUs();
        if (role == Role::Connect) {
          activate();
          return;
        }
        phase = Phase::CreateStream;
        if (role == Role::Publish) {
          command(0, amf0::Writer().str("releaseStream").num(2).null().str(stream_));
          command(0, amf0::Writer().str("FCPublish").num(3).null().str(stream_));
        }
        command(0, amf0::Writer().str("createStream").num(4).null());
      } else if (txn == 4 && phase == Phase::CreateStream) {
        double id = 1;
        r.skip();
        r.number(id);
        msid = uint32_t(id);
        phase = Phase::Start;
        if (role == Role::Publish) {
          command(msid, amf0::Writer().str("publish").num(5).null().str(stream_).str("live"));
        } else {
          command(msid, amf0::Writer().str("play").num(5).null().str(stream_).num(-2000));
          uint8_t b[10] = {0, 3};
          put32(b + 2, msid);
          put32(b + 6, 100);  // buffer length, ms
          message(2, 4, 0, 0, b, 10);
          // Media may come at any moment; some servers send no status for a stream that is not live yet.
          activate();
        }
      }
    } else if (name == "onStatus") {
      r.skip();
      r.skip("code", &code);
      if (code.find("Failed") != code.npos || code.find("BadName") != code.npos ||
          code.find("Unauthorized") != code.npos || code.find("Denied") != code.npos ||
          code.find("Rejected") != code.npos) {
        fail("status refused");
      } else if (code == "NetStream.Publish.Start" && phase == Phase::Start) {
        activate();
      }
    }
  }

  const Url* url_ = nullptr;
  std::string stream_;
  std::vector<uint8_t> out_;
  size_t outPos_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  Chunk* cur_ = nullptr;
  uint32_t curLeft_ = 0, inChunk_ = 128, ackWindow_ = 0;
  uint64_t acked_ = 0;
  uint8_t carry_[kCarry];
  size_t carryLen_ = 0;
};
