#include "mail/mailer.hpp"

#include <curl/curl.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/regular_file.hpp"
#include "base/survive.hpp"

namespace millrace::mail {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::size_t kMaxAuthoritiesFile = 4UL << 20;
constexpr long kPermanent = 500;  // RFC 5321 section 4.2.1: 5yz

std::once_flag curl_ready;

struct EasyCloser {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Upload {
  std::string text;
  std::size_t sent = 0;
};

std::size_t on_read(char* to, std::size_t size, std::size_t count, void* user) {
  Upload& upload = *static_cast<Upload*>(user);
  const std::size_t copied = upload.text.copy(to, size * count, upload.sent);
  upload.sent += copied;
  return copied;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(user)->load() ? 1 : 0;
}

struct Attempt {
  bool sent = false;
  bool permanent = false;
  std::string reason;
};

}  // namespace

// What crosses threads is outbox_ and stopping_; the first under the lock.
class Mailer::Core {
 public:
  Core(MailerSettings settings, Observer observer, OutboxLimits limits)
      : settings_(std::move(settings)), observer_(std::move(observer)), outbox_(limits) {
    std::call_once(curl_ready, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    thread_ = std::thread([this] { run(); });
  }
  ~Core() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void send(Message message) {
    bool added = false;
    {
      const std::lock_guard lock(mutex_);
      added = outbox_.add(std::move(message), monotonic_us());
    }
    if (!added) return observer_(Outcome::kDropped, "too many mails wait for the SMTP server");
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      std::optional<Outbox::Entry> entry = outbox_.take(monotonic_us());
      if (!entry) {
        wait(lock);
        continue;
      }
      lock.unlock();
      Attempt attempt{.sent = false, .permanent = false, .reason = "internal error"};
      (void)survives("mailer", [&] { attempt = try_to_send(entry->message); });
      lock.lock();
      if (stopping_) return;
      const bool again =
          !attempt.sent && !attempt.permanent && outbox_.retry(std::move(*entry), monotonic_us());
      lock.unlock();
      (void)survives("mailer", [&] {
        observer_(attempt.sent ? Outcome::kSent
                  : again      ? Outcome::kRetried
                               : Outcome::kGivenUp,
                  attempt.reason);
      });
      lock.lock();
    }
  }
  void wait(std::unique_lock<std::mutex>& lock) {
    const std::optional<std::int64_t> due = outbox_.next_due_us();
    if (!due) return changed_.wait(lock);
    (void)changed_.wait_for(lock, std::chrono::microseconds(*due - monotonic_us()));
  }
  Attempt try_to_send(const Message& message);

  const MailerSettings settings_;
  const Observer observer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Outbox outbox_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

Attempt Mailer::Core::try_to_send(const Message& message) {
  const Result<std::string> text =
      format(message, {.from = settings_.from, .wall = wall_now(), .unique = random_hex(16)});
  if (!text) return {.sent = false, .permanent = true, .reason = text.error().message};
  // Read for each try: libcurl would wait for whatever the path has become.
  Result<std::string> authorities;
  if (!settings_.ca_file.empty()) authorities = read_regular_file(settings_.ca_file, kMaxAuthoritiesFile);
  if (!authorities)
    return {.sent = false,
            .permanent = false,
            .reason = "no authorities in " + settings_.ca_file + ": " + authorities.error().message};
  const std::unique_ptr<CURL, EasyCloser> easy(curl_easy_init());
  const std::unique_ptr<curl_slist, ListCloser> to(
      curl_slist_append(nullptr, ("<" + message.to + ">").c_str()));
  if (!easy || !to) return {.sent = false, .permanent = false, .reason = "no memory"};
  Upload upload{*text};
  const bool implicit = settings_.security == Security::kTls;
  const std::string url =
      (implicit ? "smtps://" : "smtp://") + settings_.server + ":" + std::to_string(settings_.port);
  const std::string from = "<" + settings_.from + ">";
  CURL* const curl = easy.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(
      curl, CURLOPT_USE_SSL,
      static_cast<long>(settings_.security == Security::kNone ? CURLUSESSL_NONE : CURLUSESSL_ALL));
  if (!settings_.ca_file.empty()) {
    curl_blob blob{authorities->data(), authorities->size(), CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!settings_.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, settings_.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, settings_.password.reveal().c_str());
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to.get());
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(settings_.try_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stopping_);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK) return {.sent = true, .permanent = false, .reason = {}};
  long answer = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
  Attempt failed{.sent = false, .permanent = answer >= kPermanent, .reason = curl_easy_strerror(code)};
  if (answer != 0) failed.reason += " (" + std::to_string(answer) + ")";
  return failed;
}

Mailer::Mailer(MailerSettings settings, Observer observer, OutboxLimits limits)
    : core_(std::make_unique<Core>(std::move(settings), std::move(observer), limits)) {}
Mailer::~Mailer() = default;

void Mailer::send(Message message) {
  core_->send(std::move(message));
}

}  // namespace millrace::mail
