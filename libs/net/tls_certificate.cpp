#include "net/tls_certificate.hpp"

#include <sys/stat.h>

#include <optional>
#include <utility>

#include "base/survive.hpp"

namespace millrace::net {

TlsCertificate::TlsCertificate(std::string certificate_path, std::string key_path)
    : certificate_path_(std::move(certificate_path)), key_path_(std::move(key_path)) {}

Result<std::unique_ptr<TlsCertificate>> TlsCertificate::open(std::string certificate_path,
                                                             std::string key_path) {
  std::unique_ptr<TlsCertificate> certificate(
      new TlsCertificate(std::move(certificate_path), std::move(key_path)));
  const Result<Check> loaded = certificate->refresh();
  if (!loaded) return tl::unexpected<Error>(loaded.error());
  return certificate;
}

TlsCertificate::~TlsCertificate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

TlsContextPtr TlsCertificate::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::array<TlsCertificate::FileState, 2> TlsCertificate::file_states() const {
  std::array<FileState, 2> states{};
  const std::array<const std::string*, 2> paths = {&certificate_path_, &key_path_};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    struct stat file {};
    if (::stat(paths.at(i)->c_str(), &file) != 0) continue;
    states.at(i) = {static_cast<std::int64_t>(file.st_dev),
                    static_cast<std::int64_t>(file.st_ino),
                    file.st_size,
                    file.st_mtim.tv_sec,
                    file.st_mtim.tv_nsec,
                    file.st_ctim.tv_sec,
                    file.st_ctim.tv_nsec};
  }
  return states;
}

Result<TlsCertificate::Check> TlsCertificate::refresh() {
  // Before reading: what changes while we read is a change for the next look.
  const std::array<FileState, 2> found = file_states();
  {
    const std::lock_guard lock(mutex_);
    if (current_ && found == loaded_) return Check::kUnchanged;
  }
  Result<TlsContextPtr> context = TlsContext::server(certificate_path_, key_path_);
  if (!context) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    return tl::unexpected<Error>(context.error());
  }
  const std::lock_guard lock(mutex_);
  if (current_) replaced_.fetch_add(1, std::memory_order_relaxed);
  current_ = std::move(*context);
  loaded_ = found;
  return Check::kReplaced;
}

void TlsCertificate::watch(std::chrono::milliseconds interval, Observer observer, Observer answered) {
  thread_ = std::thread([this, interval, observer = std::move(observer), answered = std::move(answered)] {
    run(interval, observer, answered);
  });
}

void TlsCertificate::look() {
  {
    const std::lock_guard lock(mutex_);
    looking_ = true;
  }
  changed_.notify_all();
}

void TlsCertificate::run(std::chrono::milliseconds interval, const Observer& observer,
                         const Observer& answered) {
  std::string trouble;
  std::optional<Result<Check>> untold;  // news that the observer has not taken yet
  bool taken = false;                   // since the last answer
  for (;;) {
    bool asked = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, interval, [this] { return stopping_ || looking_; });
      if (stopping_) return;
      asked = std::exchange(looking_, false);
    }
    Result<Check> looked = guarded_refresh();
    const bool replaced = looked && *looked == Check::kReplaced;
    taken = taken || replaced;
    (void)survives("certificate", [&] {
      std::string now = looked ? std::string() : looked.error().message;
      if (replaced || now != trouble) untold = looked;
      trouble = std::move(now);
      if (!untold) return;
      observer(*untold);
      untold.reset();
    });
    if (!asked || !answered) continue;
    if (looked && taken) looked = Check::kReplaced;
    if (survives("certificate", [&] { answered(looked); }) && looked) taken = false;
  }
}

// Whoever asked is answered, whatever the look met (out of memory).
Result<TlsCertificate::Check> TlsCertificate::guarded_refresh() {
  Result<Check> looked = fail("tls.look", "the files could not be looked at");
  (void)survives("certificate", [&] { looked = refresh(); });
  return looked;
}

}  // namespace millrace::net
