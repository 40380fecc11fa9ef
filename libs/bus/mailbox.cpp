#include "bus/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "bus/counted_warning.hpp"
#include "bus/log_role.hpp"

namespace millrace::bus {

namespace {

// Pointers that wait give way to newer ones of the same stream, role and rendition only.
std::string log_of(const v1::PointerBatch& batch) {
  if (is_source(batch)) return batch.stream_id();
  return batch.stream_id() + "/" + std::to_string(batch.role()) + "/" + batch.rendition();
}

}  // namespace

Mailbox::Mailbox(const NodeConfig& config, std::uint64_t boot_id)
    : limits_(config.limits),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      facts_({config.service, config.endpoints.instance}, boot_id, config.limits.facts) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Mailbox::~Mailbox() {
  ::close(wake_fd_);
}

template <class Change>
bool Mailbox::post(Change change) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    change();
  }
  wake();
  return true;
}

void Mailbox::wake() const {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is being woken anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Mailbox::publish(v1::Event event) {
  post([&] { add_event(std::move(event)); });
}

void Mailbox::publish(std::vector<v1::Event> events) {
  post([&] {
    for (v1::Event& event : events) add_event(std::move(event));
  });
}

// The mutex is held.
void Mailbox::add_event(v1::Event event) {
  FactStore::Published published = facts_.publish(std::move(event), wall_now());
  last_publish_us_.store(monotonic_us(), std::memory_order_relaxed);
  if (!published.retained) warn_and_count(counters.dropped, "bus fact not retained");
  // The sequence is used up in any case: subscribers see the gap and fetch the facts.
  if (published.bytes.empty() || mail_.events.size() >= limits_.queue) {
    warn_and_count(counters.dropped, "bus event dropped");
    return;
  }
  mail_.events.push_back(std::move(published.bytes));
}

void Mailbox::notify(v1::PointerBatch batch) {
  post([&] { add_pointers(std::move(batch)); });
}

void Mailbox::notify(std::vector<v1::PointerBatch> batches) {
  post([&] {
    for (v1::PointerBatch& batch : batches) add_pointers(std::move(batch));
  });
}

// The mutex is held.
void Mailbox::add_pointers(v1::PointerBatch batch) {
  std::string log = log_of(batch);
  const auto waiting = mail_.pointers.find(log);
  if (waiting == mail_.pointers.end()) {
    if (mail_.pointers.size() >= limits_.pointer_streams) {
      warn_and_count(counters.dropped, "bus pointer dropped");
      return;
    }
    mail_.pointers.emplace(std::move(log), std::move(batch));
    return;
  }
  const v1::PointerBatch& old = waiting->second;
  if (old.publication_id() == batch.publication_id() && old.arena() == batch.arena() &&
      old.slot() == batch.slot()) {
    batch.set_first_sequence(std::min(old.first_sequence(), batch.first_sequence()));
  }
  waiting->second = std::move(batch);
}

void Mailbox::answer(CallAnswer answer) {
  post([&] { mail_.answers.push_back(std::move(answer)); });
}

void Mailbox::subscribe(std::string service, EventHandler handler) {
  post([&] { mail_.subscriptions.emplace_back(std::move(service), std::move(handler)); });
}

void Mailbox::subscribe_pointers(std::string service, Node::PointerHandler handler) {
  post([&] { mail_.pointer_subscriptions.emplace_back(std::move(service), std::move(handler)); });
}

void Mailbox::serve(Node::RequestHandler handler) {
  post([&] { mail_.server = std::move(handler); });
}

void Mailbox::move(std::string service, std::vector<Address> addresses) {
  post([&] { mail_.addresses.emplace_back(std::move(service), std::move(addresses)); });
}

ErrorCode Mailbox::request(OutstandingRequest& request) {
  if (outstanding_.fetch_add(1, std::memory_order_relaxed) >= limits_.outstanding) {
    request_done();
    warn_and_count(counters.overloaded, "bus requests overloaded");
    return "bus.overloaded";
  }
  if (post([&] { mail_.requests.push_back(std::move(request)); })) return {};
  request_done();
  return "bus.stopped";
}

void Mailbox::stop() {
  post([&] { mail_.stop = true; });
}

std::vector<std::string> Mailbox::instances(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (auto name = present_.lower_bound({service, ""}); name != present_.end() && name->service == service;
       ++name) {
    names.push_back(name->instance);
  }
  return names;
}

void Mailbox::set_present(const PeerName& name, bool present) {
  const std::lock_guard lock(mutex_);
  present ? void(present_.insert(name)) : void(present_.erase(name));
}

Mail Mailbox::take() {
  std::uint64_t count = 0;
  // Read before the mail: a post after this wakes again.
  [[maybe_unused]] const ssize_t read = ::read(wake_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(mail_, Mail{});
}

Mail Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  return std::exchange(mail_, Mail{});
}

void Mailbox::snapshot(v1::Snapshot& snapshot) const {
  const std::lock_guard lock(mutex_);
  facts_.snapshot(snapshot);
}

}  // namespace millrace::bus
