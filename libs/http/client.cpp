#include "http/client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "base/survive.hpp"
#include "http/errors.hpp"
#include "net/egress_policy.hpp"

namespace millrace::http {

namespace {

constexpr int kPollMs = 1000;  // curl's own timers and wake-ups end it earlier

std::once_flag curl_ready;

struct HeaderList {
  curl_slist* list = nullptr;
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(list); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list, line.c_str())) list = longer;
  }
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

struct Transfer {
  Transfer(Call wanted, Client::Done callback)
      : call(std::move(wanted)),
        done(std::move(callback)),
        deadline_us(monotonic_us() + call.timeout.count() * 1000) {}

  Call call;
  Client::Done done;
  std::int64_t deadline_us;
  ClientLimits limits;
  HeaderList lines;
  CallAnswer answer;
  std::size_t header_bytes = 0;
  bool too_large = false;
  bool refused_address = false;

  void tell(Result<CallAnswer> result) {
    (void)survives("http client", [&] { done(std::move(result)); });
  }
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (transfer.answer.body.size() + bytes > transfer.limits.answer_bytes) {
    transfer.too_large = true;
    return 0;
  }
  // libcurl is C: nothing may be thrown through it.
  return survives("http client", [&] { transfer.answer.body.append(data, bytes); }) ? bytes : 0;
}

void take_line(CallAnswer& answer, std::string_view line) {
  // A new status line: what came before belonged to an interim answer (100, 103).
  if (line.substr(0, 5) == "HTTP/") answer.headers.clear();
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    answer.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > transfer.limits.header_bytes) {
    transfer.too_large = true;
    return 0;
  }
  return survives("http client", [&] { take_line(transfer.answer, line); }) ? line.size() : 0;
}

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (!transfer.call.egress->check_address(&address->addr, address->addrlen)) {
    transfer.refused_address = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

Error error_of(CURLcode code, const Transfer& transfer) {
  if (transfer.too_large) return {"http.answer_too_large", "the answer is larger than any good one"};
  if (transfer.refused_address) return {"http.egress", "the server's address is not allowed"};
  if (code == CURLE_OPERATION_TIMEDOUT) return {http::errors::kDeadline, "no answer in time"};
  return {"http.unreachable", curl_easy_strerror(code)};
}

}  // namespace

// What crosses threads is incoming_, stopping_ under the lock; the rest is the thread's.
class Client::Core {
 public:
  explicit Core(ClientLimits limits) : limits_(limits) {
    std::call_once(curl_ready, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi_ = curl_multi_init();
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, limits.idle_connections);
    thread_ = std::thread([this] { run(); });
  }
  ~Core() {
    stop();
    curl_multi_cleanup(multi_);
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Result<void> call(Call call, Done done) {
    if (call.egress) {
      if (const auto target = call.egress->check_url(call.url); !target)
        return fail("http.egress", target.error().message);
    }
    auto transfer = std::make_unique<Transfer>(std::move(call), std::move(done));
    transfer->limits = limits_;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return fail(http::errors::kStopped, "the client has stopped");
      if (incoming_.size() >= limits_.waiting)
        return fail(http::errors::kOverloaded, "too many calls are waiting");
      incoming_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
    return {};
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Running = std::list<std::pair<CURL*, std::unique_ptr<Transfer>>>;

  void run() {
    while (!stopping()) {
      (void)survives("http client", [this] { turn(); });
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    for (auto& [handle, transfer] : running_) {
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
      transfer->tell(fail(http::errors::kStopped));
    }
    running_.clear();
    // Nobody adds to them any more. They are not moved out of there, as an empty queue takes memory too.
    for (const auto& transfer : incoming_) transfer->tell(fail(http::errors::kStopped));
    incoming_.clear();
  }

  void turn() {
    take();
    int running = 0;
    curl_multi_perform(multi_, &running);
    finish();
    take();
  }

  bool stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void take() {
    while (running_.size() < limits_.in_flight) {
      std::unique_ptr<Transfer> transfer;
      {
        const std::lock_guard lock(mutex_);
        if (incoming_.empty()) return;
        transfer = std::move(incoming_.front());
        incoming_.pop_front();
      }
      start(std::move(transfer));
    }
  }

  void start(std::unique_ptr<Transfer> transfer) {
    const std::int64_t left_ms = (transfer->deadline_us - monotonic_us()) / 1000;
    if (left_ms <= 0) return transfer->tell(fail(http::errors::kDeadline, "no place in time"));
    CURL* handle = curl_easy_init();
    if (handle == nullptr) return transfer->tell(fail(http::errors::kOverloaded, "no memory"));
    set_up(handle, *transfer, static_cast<long>(left_ms));
    running_.emplace_back(handle, std::move(transfer));
    curl_multi_add_handle(multi_, handle);
    int running = 0;
    curl_multi_perform(multi_, &running);
  }

  static void set_up(CURL* handle, Transfer& transfer, long timeout_ms) {
    const Call& call = transfer.call;
    for (const auto& [name, value] : call.headers)
      transfer.lines.add(std::string(name).append(": ").append(value));
    transfer.lines.add("Expect:");  // no waiting for a 100
    if (call.body.empty()) transfer.lines.add("Content-Type:");
    curl_easy_setopt(handle, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "millrace");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer.lines.list);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
    if (call.method != "GET") {
      curl_easy_setopt(handle, CURLOPT_POST, 1L);
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call.body.data());
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
      if (call.method != "POST") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    }
    if (call.egress) {
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &transfer);
      // A connection that somebody else opened was not judged by this policy.
      curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
      curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    }
  }

  void finish() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const handle = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found = std::find_if(running_.begin(), running_.end(),
                                      [&](const auto& entry) { return entry.first == handle; });
      const std::unique_ptr<Transfer> transfer = std::move(found->second);
      running_.erase(found);
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
      transfer->answer.status = static_cast<int>(status);
      if (code != CURLE_OK) {
        transfer->tell(tl::unexpected<Error>(error_of(code, *transfer)));
      } else {
        transfer->tell(std::move(transfer->answer));
      }
    }
  }

  ClientLimits limits_;
  CURLM* multi_ = nullptr;
  Running running_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> incoming_;
  bool stopping_ = false;
  std::thread thread_;
};

Client::Client(ClientLimits limits) : core_(std::make_unique<Core>(limits)) {}
Client::~Client() = default;

void Client::stop() {
  core_->stop();
}

Result<void> Client::call(Call call, Done done) {
  return core_->call(std::move(call), std::move(done));
}

}  // namespace millrace::http
