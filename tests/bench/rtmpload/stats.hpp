// Log-linear histogram (relative error < 1.6 %) and /proc sampling of the server under test.
#pragma once
#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

class Histogram {  // values in microseconds
 public:
  void add(uint64_t v) {
    ++n_;
    sum_ += double(v);
    if (v > max_) max_ = v;
    if (v < min_) min_ = v;
    ++b_[index(v)];
  }
  uint64_t count() const { return n_; }
  double meanUs() const { return n_ ? sum_ / double(n_) : 0; }
  uint64_t maxUs() const { return max_; }
  uint64_t quantile(double q) const {
    if (!n_) return 0;
    uint64_t want = uint64_t(q * double(n_ - 1)) + 1, seen = 0;
    for (size_t i = 0; i < kN; ++i)
      if ((seen += b_[i]) >= want) return upper(i) < max_ ? upper(i) : max_;
    return max_;
  }
  std::string json() const {
    char s[256];
    snprintf(s, sizeof s,
             "{\"n\":%llu,\"min\":%.3f,\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
             "\"max\":%.3f}",
             (unsigned long long)n_, n_ ? double(min_) / 1e3 : 0., meanUs() / 1e3, double(quantile(.5)) / 1e3,
             double(quantile(.9)) / 1e3, double(quantile(.99)) / 1e3, double(quantile(.999)) / 1e3,
             double(max_) / 1e3);
    return s;
  }

 private:
  static constexpr size_t kSub = 64, kN = 64 * kSub;
  static size_t index(uint64_t v) {
    if (v < kSub) return size_t(v);
    const int e = 63 - __builtin_clzll(v) - 6;
    const size_t i = size_t(e + 1) * kSub + size_t((v >> e) & (kSub - 1));
    return i < kN ? i : kN - 1;
  }
  static uint64_t upper(size_t i) {
    if (i < kSub) return i;
    const size_t e = i / kSub - 1;
    return ((kSub + i % kSub + 1) << e) - 1;
  }
  std::vector<uint64_t> b_ = std::vector<uint64_t>(kN);
  uint64_t n_ = 0, max_ = 0, min_ = UINT64_MAX;
  double sum_ = 0;
};

struct ProcSample {
  double user = 0, sys = 0;  // seconds, whole process trees, exited children included
  long rssKb = 0, hwmKb = 0;
  int procs = 0;
};

class ServerProbe {
 public:
  void setRoots(const std::string& csv) {
    for (size_t p = 0; p < csv.size();) {
      size_t q = csv.find(',', p);
      if (q == std::string::npos) q = csv.size();
      if (q > p) roots_.push_back(atoi(csv.substr(p, q - p).c_str()));
      p = q + 1;
    }
  }
  bool active() const { return !roots_.empty(); }
  ProcSample sample() const {
    std::map<int, std::vector<int>> kids;
    std::map<int, std::vector<double>> st;  // pid -> utime stime cutime cstime
    DIR* d = opendir("/proc");
    while (dirent* e = d ? readdir(d) : nullptr) {
      const int pid = atoi(e->d_name);
      if (pid <= 0) continue;
      char buf[1024];
      if (!slurp("/proc/" + std::to_string(pid) + "/stat", buf, sizeof buf)) continue;
      const char* p = strrchr(buf, ')');
      int ppid = 0;
      unsigned long u = 0, s = 0;
      long cu = 0, cs = 0;
      if (!p || sscanf(p + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &ppid, &u, &s,
                       &cu, &cs) != 5)
        continue;
      kids[ppid].push_back(pid);
      st[pid] = {double(u), double(s), double(cu), double(cs)};
    }
    if (d) closedir(d);
    ProcSample r;
    const double hz = double(sysconf(_SC_CLK_TCK));
    std::vector<int> todo = roots_;
    while (!todo.empty()) {
      const int pid = todo.back();
      todo.pop_back();
      auto it = st.find(pid);
      if (it == st.end()) continue;
      r.user += (it->second[0] + it->second[2]) / hz;
      r.sys += (it->second[1] + it->second[3]) / hz;
      ++r.procs;
      char buf[4096];
      if (slurp("/proc/" + std::to_string(pid) + "/status", buf, sizeof buf)) {
        if (const char* q = strstr(buf, "VmRSS:")) r.rssKb += atol(q + 6);
        if (const char* q = strstr(buf, "VmHWM:")) r.hwmKb += atol(q + 6);
      }
      for (int k : kids[pid]) todo.push_back(k);
    }
    return r;
  }

 private:
  static bool slurp(const std::string& path, char* buf, size_t cap) {
    FILE* f = fopen(path.c_str(), "r");
    if (!f) return false;
    const size_t n = fread(buf, 1, cap - 1, f);
    fclose(f);
    buf[n] = 0;
    return n > 0;
  }
  std::vector<int> roots_;
};
