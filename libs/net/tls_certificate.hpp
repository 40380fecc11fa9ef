// A server's certificate and key that are read again when their files change. New handshakes take the newest
// pair; streams that live keep theirs. A pair that is not usable changes nothing: the old one stays.
//
// Any thread. The files are read on a thread of its own, never on the caller of current().
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "net/tls_context.hpp"

namespace millrace::net {

class TlsCertificate {
 public:
  enum class Check : std::uint8_t { kUnchanged, kReplaced };
  // What came of a look at the files; only when something changed: a new pair, another reason why there is
  // none, or (kUnchanged) the old pair is back.
  using Observer = std::function<void(const Result<Check>&)>;

  // Errors as TlsContext::server.
  static Result<std::unique_ptr<TlsCertificate>> open(std::string certificate_path, std::string key_path);
  ~TlsCertificate();
  TlsCertificate(const TlsCertificate&) = delete;
  TlsCertificate& operator=(const TlsCertificate&) = delete;

  TlsContextPtr current() const;
  // Pairs taken since the first, and looks that found none that is usable.
  std::uint64_t replaced() const { return replaced_.load(std::memory_order_relaxed); }
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  // Looks at the files now, and reads them when they are others than those in use.
  Result<Check> refresh();
  // Looks again and again, on a thread that runs from here on and calls both observers. Once. answered gets
  // the outcome of each look that look() asked for, news or not; looks asked for meanwhile are one. There
  // kReplaced is a pair taken since the last answer, by whichever look. What the observer throws costs no
  // answer, and the observer is notified again with the next look.
  void watch(std::chrono::milliseconds interval, Observer observer, Observer answered = nullptr);
  // Makes the watch look now (SIGHUP).
  void look();

 private:
  // Device, inode, size, times: a symbolic link that is exchanged (Kubernetes) counts as a change too.
  using FileState = std::array<std::int64_t, 7>;

  TlsCertificate(std::string certificate_path, std::string key_path);
  std::array<FileState, 2> file_states() const;
  Result<Check> guarded_refresh();
  void run(std::chrono::milliseconds interval, const Observer& observer, const Observer& answered);

  const std::string certificate_path_;
  const std::string key_path_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TlsContextPtr current_;
  std::array<FileState, 2> loaded_{};  // of current_
  std::atomic<std::uint64_t> replaced_{0};
  std::atomic<std::uint64_t> failed_{0};
  bool looking_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::net
