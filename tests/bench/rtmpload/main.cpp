// rtmpload: an RTMP load generator and meter (publish, play, storm). One thread, epoll, JSON on stdout.
#include <sys/epoll.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <unordered_map>

#include "flv.hpp"
#include "rtmp.hpp"
#include "stats.hpp"

namespace {

struct Options {
  std::string mode, url, file, stampMode = "sei", serverPids, level = "connect";
  std::vector<std::string> names;  // --names: stream i is called names[i] instead of the URL's pattern
  int streams = 1, clients = 1, rampMs = -1, tickMs = 2, chunk = 4096, rcvbuf = 0, streamBase = 0,
      portStep = 0;
  double seconds = 10, warmup = 2, rate = 1;  // rate 0: as fast as possible
  bool syncStart = false, verbose = false;
};

[[noreturn]] void usage(const char* why) {
  if (why) fprintf(stderr, "rtmpload: %s\n", why);
  fputs(
      "usage: rtmpload publish --url rtmp://127.0.0.1:P/app/s%d --file X.flv [--streams N] [--rate "
      "realtime|fast|K]\n"
      "                [--stamp sei|amf|both|none] [--chunk 4096] [--sync-start]\n"
      "       rtmpload play    --url rtmp://127.0.0.1:P/app/s%d [--clients N] [--streams M] [--rcvbuf "
      "BYTES]\n"
      "       rtmpload storm   --url rtmp://127.0.0.1:P/app/s [--clients N] [--level "
      "handshake|connect|play]\n"
      "  common: [--seconds S] [--warmup S] [--ramp-ms MS] [--tick-ms 2] [--server-pid P1,P2] [--stream-base "
      "I] [--port-step K] [--names FILE] [--verbose]\n"
      "The measured window starts `warmup` seconds after the ramp has ended and lasts `seconds`.\n",
      stderr);
  exit(2);
}

Options parse(int argc, char** argv) {
  Options o;
  if (argc < 2) usage(nullptr);
  o.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string k = argv[i];
    if (k == "--sync-start") {
      o.syncStart = true;
      continue;
    }
    if (k == "--verbose") {
      o.verbose = true;
      continue;
    }
    if (i + 1 >= argc) usage(("missing value for " + k).c_str());
    const std::string v = argv[++i];
    if (k == "--url")
      o.url = v;
    else if (k == "--file")
      o.file = v;
    else if (k == "--streams")
      o.streams = std::stoi(v);
    else if (k == "--clients")
      o.clients = std::stoi(v);
    else if (k == "--seconds")
      o.seconds = std::stod(v);
    else if (k == "--warmup")
      o.warmup = std::stod(v);
    else if (k == "--ramp-ms")
      o.rampMs = std::stoi(v);
    else if (k == "--tick-ms")
      o.tickMs = std::max(1, std::stoi(v));
    else if (k == "--chunk")
      o.chunk = std::stoi(v);
    else if (k == "--rcvbuf")
      o.rcvbuf = std::stoi(v);
    else if (k == "--stream-base")
      o.streamBase = std::stoi(v);
    else if (k == "--port-step")
      o.portStep = std::stoi(v);
    else if (k == "--names") {
      std::ifstream in(v);
      for (std::string line; std::getline(in, line);)
        if (!line.empty()) o.names.push_back(line);
      if (o.names.empty()) usage(("no names in " + v).c_str());
    } else if (k == "--stamp")
      o.stampMode = v;
    else if (k == "--level")
      o.level = v;
    else if (k == "--server-pid")
      o.serverPids = v;
    else if (k == "--rate")
      o.rate = v == "realtime" ? 1 : v == "fast" ? 0 : std::stod(v);
    else
      usage(("unknown option " + k).c_str());
  }
  return o;
}

volatile sig_atomic_t gStop = 0;

struct Peer : RtmpConn {  // one publisher or player
  bool everActive = false;
  // publisher
  size_t next = 0, start = 0;
  uint64_t t0 = 0, tsBase = 0;  // tsBase: added to the file's timestamps (loops), minus the start offset
  uint32_t frame = 0;
  // player
  uint64_t firstVideo = 0, firstKey = 0, firstKeyStamp = 0, lastVideo = 0;
  uint32_t lastFrame = 0;
  bool haveFrame = false;
};

class Run : RtmpConn::Listener {
 public:
  explicit Run(const Options& o) : o_(o), buf_(256 * 1024) {
    if (!Url::parse(o.url, url_)) usage("bad --url");
    probe_.setRoots(o.serverPids);
    if (o.mode == "publish") {
      n_ = o.streams;
      role_ = RtmpConn::Role::Publish;
      flv_ = std::make_unique<FlvFile>(o.file);
    } else if (o.mode == "play") {
      n_ = o.clients;
      role_ = RtmpConn::Role::Play;
    } else if (o.mode == "storm") {
      n_ = o.clients;
      role_ = o.level == "handshake" ? RtmpConn::Role::Handshake
              : o.level == "connect" ? RtmpConn::Role::Connect
                                     : RtmpConn::Role::Play;
    } else
      usage("unknown mode");
    sei_ = o.stampMode == "sei" || o.stampMode == "both";
    amf_ = o.stampMode == "amf" || o.stampMode == "both";
    peers_ = std::vector<Peer>(size_t(n_));
    rampUs_ = (o.rampMs >= 0       ? uint64_t(o.rampMs)
               : o.mode == "storm" ? 5000u
                                   : std::max<uint64_t>(200, uint64_t(n_) * 3)) *
              1000;
  }

  int go() {
    ep_ = epoll_create1(EPOLL_CLOEXEC);
    begin_ = nowUs();
    const bool storm = o_.mode == "storm";
    if (storm && probe_.active()) s0_ = probe_.sample();
    std::vector<epoll_event> ev(1024);
    uint64_t nextSample = 0;
    while (!gStop) {
      const uint64_t t = nowUs();
      for (; opened_ < n_ && t >= begin_ + rampUs_ * uint64_t(opened_) / uint64_t(n_); ++opened_)
        openOne(opened_);
      if (role_ == RtmpConn::Role::Publish) pump(t);
      if (opened_ == n_ && !rampEnd_ && (settled() || t > begin_ + rampUs_ + 15000000)) rampEnd_ = t;
      const uint64_t w0 = rampEnd_ + uint64_t(o_.warmup * 1e6);
      if (rampEnd_ && !winStart_ && t >= w0) startWindow(t, storm);
      if (winStart_ && t >= winStart_ + uint64_t(o_.seconds * 1e6)) break;
      if (winStart_ && t >= nextSample) {
        nextSample = t + 1000000;
        if (probe_.active()) peakRss_ = std::max(peakRss_, probe_.sample().rssKb);
      }
      int wait = o_.tickMs;
      if (role_ != RtmpConn::Role::Publish && opened_ == n_) wait = 20;
      const int k = epoll_wait(ep_, ev.data(), int(ev.size()), wait);
      for (int i = 0; i < k; ++i) {
        Peer& p = peers_[ev[size_t(i)].data.u32];
        if (p.phase == RtmpConn::Phase::Closed) continue;
        const bool was = p.wantWrite;
        if (ev[size_t(i)].events & (EPOLLOUT | EPOLLERR)) p.onWritable();
        if (p.phase != RtmpConn::Phase::Closed && ev[size_t(i)].events & (EPOLLIN | EPOLLHUP))
          p.onReadable(buf_);
        if (p.phase != RtmpConn::Phase::Closed && p.wantWrite != was) watch(p, EPOLL_CTL_MOD);
      }
    }
    report();
    for (auto& p : peers_) p.close();
    return 0;
  }

 private:
  void openOne(int i) {
    Peer& p = peers_[size_t(i)];
    p.index = i;
    p.role = role_;
    p.listener = this;
    p.outChunk = uint32_t(o_.chunk);
    const int s = o_.streamBase + (role_ == RtmpConn::Role::Publish ? i : i % std::max(1, o_.streams));
    const std::string name = o_.names.empty() ? url_.streamFor(s) : o_.names[size_t(s) % o_.names.size()];
    if (p.open(url_, name, o_.rcvbuf, i * o_.portStep)) watch(p, EPOLL_CTL_ADD);
  }
  void watch(Peer& p, int op) {
    epoll_event e{};
    e.events = EPOLLIN | (p.wantWrite ? uint32_t(EPOLLOUT) : 0u);
    e.data.u32 = uint32_t(p.index);
    epoll_ctl(ep_, op, p.fd, &e);
  }
  bool settled() const { return active_ + failed_ >= n_; }

  void onActive(RtmpConn& c) override {
    Peer& p = static_cast<Peer&>(c);
    p.everActive = true;
    ++active_;
    hTcp_.add(c.tTcp - c.tOpen);
    hShake_.add(c.tHandshake - c.tOpen);
    if (c.tConnect) hConnect_.add(c.tConnect - c.tOpen);
    hActive_.add(c.tActive - c.tOpen);
    if (role_ == RtmpConn::Role::Publish) {
      p.start = flv_->keys[o_.syncStart ? 0 : size_t(p.index) * 7 % flv_->keys.size()];
      p.next = p.start;
      p.t0 = nowUs();
      p.tsBase = 0 - uint64_t(flv_->media[p.start].ts);
      for (auto& h : flv_->head) sendTag(p, h, 0);
      p.flush();
      if (p.phase != RtmpConn::Phase::Closed && p.wantWrite) watch(p, EPOLL_CTL_MOD);
    }
  }
  void onClosed(RtmpConn& c, const char* why) override {
    Peer& p = static_cast<Peer&>(c);
    if (p.everActive)
      ++lost_;
    else
      ++failed_;
    ++reasons_[why];
    if (o_.verbose) fprintf(stderr, "conn %d closed: %s\n", c.index, why);
  }

  void sendTag(Peer& p, const FlvTag& t, uint32_t ts) {
    const uint8_t* d = &flv_->data[t.off];
    if (t.type == 18) {
      auto s = amf0::Writer().str("@setDataFrame").bytes();
      p.message(4, 18, ts, p.msid, reinterpret_cast<const uint8_t*>(s.data()), s.size(), d, t.len);
    } else if (t.type == 9 && !t.seqHeader) {
      if (amf_) {
        uint8_t h[24];
        stamp::hex(h, nowUs(), 16);
        stamp::hex(h + 16, p.frame, 8);
        amf0::Writer w;
        w.str("onTextData")
            .obj()
            .key("text")
            .str(std::string(reinterpret_cast<const char*>(stamp::kUuid), 16) +
                 std::string(reinterpret_cast<char*>(h), 24))
            .end();
        p.message(4, 18, ts, p.msid, reinterpret_cast<const uint8_t*>(w.bytes().data()), w.bytes().size());
      }
      if (sei_) {
        uint8_t h[5 + stamp::kTotal];
        memcpy(h, d, 5);
        stamp::write(h + 5, nowUs(), p.frame, uint32_t(p.index));
        p.message(6, 9, ts, p.msid, h, sizeof h, d + 5, t.len - 5);
      } else {
        p.message(6, 9, ts, p.msid, d, t.len);
      }
      ++p.frame;
      ++frames_;
    } else {
      p.message(t.type == 8 ? 4 : 6, t.type, ts, p.msid, d, t.len);
    }
    ++messages_;
  }

  void pump(uint64_t t) {
    for (auto& p : peers_) {
      if (p.phase != RtmpConn::Phase::Active) continue;
      if (p.pending() > (o_.rate == 0 ? 128u * 1024 : 16u << 20)) continue;
      const bool was = p.wantWrite;
      bool any = false;
      const double pos = o_.rate == 0 ? 1e18 : double(t - p.t0) / 1000.0 * o_.rate;
      size_t burst = 0;
      for (;;) {
        const FlvTag& tag = flv_->media[p.next];
        const uint64_t ts = p.tsBase + tag.ts;
        if (double(ts) > pos) break;
        sendTag(p, tag, uint32_t(ts));
        burst += tag.len;
        any = true;
        if (winStart_ && o_.rate > 0) hLag_.add(uint64_t(std::max(0.0, (pos - double(ts)) * 1000 / o_.rate)));
        if (++p.next == flv_->media.size()) {
          p.next = 0;
          p.tsBase += flv_->durationMs;
        }
        if (o_.rate == 0 ? p.pending() > 256u * 1024 : burst > (1u << 20)) break;
      }
      if (any) {
        p.flush();
        maxPending_ = std::max(maxPending_, p.pending());
        if (p.phase != RtmpConn::Phase::Closed && p.wantWrite != was) watch(p, EPOLL_CTL_MOD);
      }
    }
  }

  void onMessage(RtmpConn& c, uint8_t type, uint32_t, const uint8_t* head, uint32_t headLen,
                 uint32_t) override {
    if (role_ != RtmpConn::Role::Play) return;
    Peer& p = static_cast<Peer&>(c);
    ++messages_;
    uint64_t us = 0;
    uint32_t frame = 0;
    if (type == 18) {
      amf0::Reader r(head, headLen);
      std::string_view name;
      if (r.string(name)) ++dataNames_[std::string(name)];
      if (winStart_ && stamp::read(head, headLen, us, frame)) hAmf_.add(nowUs() - us);
      return;
    }
    if (type != 9 || headLen < 5 || (head[0] & 15) != 7 || head[1] != 1) return;
    const uint64_t t = nowUs();
    ++frames_;
    const bool key = (head[0] >> 4) == 1;
    const bool stamped = stamp::read(head, headLen, us, frame);
    if (!p.firstVideo) {
      p.firstVideo = t;
      hFirst_.add(t - p.tOpen);
    }
    if (key && !p.firstKey) {
      p.firstKey = t;
      hKey_.add(t - p.tOpen);
      if (stamped) hKeyAge_.add(t - us);
    }
    if (winStart_) {
      if (p.lastVideo >= winStart_) {
        const uint64_t gap = t - p.lastVideo;
        hGap_.add(gap);
        if (gap > 200000) ++gaps200_;
        if (gap > 1000000) ++gaps1000_;
      }
      if (stamped) {
        hLat_.add(t - us);
        if (p.haveFrame && frame != p.lastFrame + 1) {
          ++breaks_;
          if (frame > p.lastFrame) missing_ += frame - p.lastFrame - 1;
        }
      }
    }
    if (stamped) {
      p.lastFrame = frame;
      p.haveFrame = true;
    }
    p.lastVideo = t;
  }

  uint64_t totalIn() const {
    uint64_t s = 0;
    for (auto& p : peers_) s += p.bytesIn;
    return s;
  }
  uint64_t totalOut() const {
    uint64_t s = 0;
    for (auto& p : peers_) s += p.bytesOut;
    return s;
  }
  static double selfCpu() {
    rusage r;
    getrusage(RUSAGE_SELF, &r);
    return double(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           double(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
  }

  void startWindow(uint64_t t, bool storm) {
    winStart_ = t;
    if (probe_.active() && !storm) s0_ = probe_.sample();
    in0_ = totalIn();
    out0_ = totalOut();
    msg0_ = messages_;
    frames0_ = frames_;
    cpu0_ = selfCpu();
  }

  void report() {
    const uint64_t t = nowUs();
    const double sec = winStart_ ? double(t - winStart_) / 1e6 : 0;
    ProcSample s1;
    if (probe_.active()) s1 = probe_.sample();
    uint64_t backlog = 0;
    int late = 0;
    for (auto& p : peers_) {
      backlog += p.pending();
      late += p.pending() > 1024 * 1024;
    }
    const uint64_t in = totalIn() - in0_, out = totalOut() - out0_;
    printf(
        "{\"mode\":\"%s\",\"conns\":%d,\"active\":%d,\"failed\":%d,\"lost\":%d,\"window_s\":%.3f,\"ramp_s\":%"
        ".3f",
        o_.mode.c_str(), n_, active_, failed_, lost_, sec, double(rampEnd_ - begin_) / 1e6);
    printf(",\"bytes_in\":%llu,\"bytes_out\":%llu,\"messages\":%llu,\"frames\":%llu", (unsigned long long)in,
           (unsigned long long)out, (unsigned long long)(messages_ - msg0_),
           (unsigned long long)(frames_ - frames0_));
    printf(",\"mbit_in\":%.2f,\"mbit_out\":%.2f,\"self_cpu_s\":%.3f", sec > 0 ? double(in) * 8e-6 / sec : 0,
           sec > 0 ? double(out) * 8e-6 / sec : 0, selfCpu() - cpu0_);
    if (probe_.active()) {
      const double cpu = s1.user + s1.sys - s0_.user - s0_.sys;
      const double gb = double(role_ == RtmpConn::Role::Publish ? out : in) / 1e9;
      printf(
          ",\"server\":{\"cpu_s\":%.2f,\"user_s\":%.2f,\"sys_s\":%.2f,\"cores\":%.4f,\"cpu_s_per_gb\":%.3f,"
          "\"rss_kb\":%ld,\"rss_peak_kb\":%ld,\"hwm_kb\":%ld,\"procs\":%d}",
          cpu, s1.user - s0_.user, s1.sys - s0_.sys, sec > 0 ? cpu / sec : 0, gb > 0 ? cpu / gb : 0, s1.rssKb,
          std::max(peakRss_, s1.rssKb), s1.hwmKb, s1.procs);
    }
    printf(",\"ms_tcp\":%s,\"ms_handshake\":%s,\"ms_connect\":%s,\"ms_active\":%s", hTcp_.json().c_str(),
           hShake_.json().c_str(), hConnect_.json().c_str(), hActive_.json().c_str());
    if (role_ == RtmpConn::Role::Publish)
      printf(",\"ms_send_lag\":%s,\"max_pending_bytes\":%zu,\"backlog_bytes\":%llu,\"late_streams\":%d",
             hLag_.json().c_str(), maxPending_, (unsigned long long)backlog, late);
    if (role_ == RtmpConn::Role::Play) {
      printf(
          ",\"ms_first_video\":%s,\"ms_first_key\":%s,\"ms_first_key_age\":%s,\"ms_gap\":%s,\"ms_latency\":%"
          "s,\"ms_latency_amf\":%s",
          hFirst_.json().c_str(), hKey_.json().c_str(), hKeyAge_.json().c_str(), hGap_.json().c_str(),
          hLat_.json().c_str(), hAmf_.json().c_str());
      printf(
          ",\"gaps_over_200ms\":%llu,\"gaps_over_1s\":%llu,\"sequence_breaks\":%llu,\"frames_missing\":%llu,"
          "\"data_messages\":{",
          (unsigned long long)gaps200_, (unsigned long long)gaps1000_, (unsigned long long)breaks_,
          (unsigned long long)missing_);
      bool first = true;
      for (auto& [k, v] : dataNames_) {
        printf("%s\"%s\":%llu", first ? "" : ",", k.c_str(), (unsigned long long)v);
        first = false;
      }
      printf("}");
    }
    printf(",\"closed\":{");
    bool first = true;
    for (auto& [k, v] : reasons_) {
      printf("%s\"%s\":%d", first ? "" : ",", k.c_str(), v);
      first = false;
    }
    printf("}}\n");
  }

  Options o_;
  Url url_;
  ServerProbe probe_;
  ProcSample s0_;
  long peakRss_ = 0;
  RtmpConn::Role role_ = RtmpConn::Role::Play;
  std::unique_ptr<FlvFile> flv_;
  std::vector<uint8_t> buf_;
  std::vector<Peer> peers_;
  bool sei_ = true, amf_ = false;
  int n_ = 0, ep_ = -1, opened_ = 0, active_ = 0, failed_ = 0, lost_ = 0;
  uint64_t begin_ = 0, rampUs_ = 0, rampEnd_ = 0, winStart_ = 0;
  uint64_t in0_ = 0, out0_ = 0, msg0_ = 0, frames0_ = 0, messages_ = 0, frames_ = 0;
  double cpu0_ = 0;
  size_t maxPending_ = 0;
  uint64_t gaps200_ = 0, gaps1000_ = 0, breaks_ = 0, missing_ = 0;
  Histogram hTcp_, hShake_, hConnect_, hActive_, hLag_, hFirst_, hKey_, hKeyAge_, hGap_, hLat_, hAmf_;
  std::map<std::string, int> reasons_;
  std::map<std::string, uint64_t> dataNames_;
};

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  for (int s : {SIGINT, SIGTERM}) signal(s, [](int) { gStop = 1; });
  rlimit l{};
  getrlimit(RLIMIT_NOFILE, &l);
  l.rlim_cur = l.rlim_max;
  setrlimit(RLIMIT_NOFILE, &l);
  try {
    const Options o = parse(argc, argv);
    Run r(o);
    return r.go();
  } catch (const std::exception& e) {
    fprintf(stderr, "rtmpload: %s\n", e.what());
    return 1;
  }
}
