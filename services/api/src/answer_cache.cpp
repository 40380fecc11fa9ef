#include "answer_cache.hpp"

#include <charconv>
#include <memory>
#include <utility>

#include "base/survive.hpp"

namespace millrace::api {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::chrono::seconds shared_lifetime(std::string_view cache_control) {
  static constexpr std::string_view kSharedAge = "s-maxage=";
  static constexpr unsigned kLongest = 60;
  unsigned seconds = 0;
  while (!cache_control.empty()) {
    const std::size_t end = std::min(cache_control.find(','), cache_control.size());
    const std::string_view directive = trimmed(cache_control.substr(0, end));
    if (directive == "no-store" || directive == "private") return std::chrono::seconds(0);
    if (directive.starts_with(kSharedAge)) {
      const std::string_view digits = directive.substr(kSharedAge.size());
      const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
      if (error != std::errc() || rest != digits.data() + digits.size()) seconds = 0;
    }
    cache_control.remove_prefix(std::min(end + 1, cache_control.size()));
  }
  return std::chrono::seconds(std::min(seconds, kLongest));
}

AnswerCache::Outcome AnswerCache::get(const std::string& question, Clock::time_point now,
                                      const Waiter& waiter) {
  http::Response kept;
  {
    const std::lock_guard lock(mutex_);
    auto found = entries_.find(question);
    if (found == entries_.end()) {
      if (entries_.size() >= kMaxEntries) make_room(now);
      if (entries_.size() >= kMaxEntries) return Outcome::kAskAlone;
      found = entries_.try_emplace(question).first;
    }
    Entry& entry = found->second;
    if (now >= entry.until) {
      if (!entry.asking || now - entry.since >= kLongestQuestion) {
        entry.asking = true;
        entry.since = now;
        return Outcome::kAsk;
      }
      if (entry.waiting.size() >= kMaxWaiting) return Outcome::kAskAlone;
      entry.waiting.push_back(waiter);
      return Outcome::kWaiting;
    }
    kept = entry.answer;
  }
  waiter(&kept);
  return Outcome::kAnswered;
}

void AnswerCache::finish(const std::string& question, http::Response& answer, Clock::time_point now) {
  std::chrono::seconds lifetime(0);
  if (answer.status == 200) lifetime = shared_lifetime(answer.headers.find("Cache-Control"));
  if (http::body_size(answer.body) > kMaxBody) lifetime = {};
  // Shared by all who get it.
  if (auto* text = std::get_if<std::string>(&answer.body))
    answer.body = std::make_shared<const std::string>(std::move(*text));
  const bool keep = lifetime.count() != 0;
  Entry kept;  // made before anything changes: there may be no memory for it
  if (keep) kept = {.answer = answer, .until = now + lifetime, .asking = false, .since = {}, .waiting = {}};
  std::vector<Waiter> waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(question);
    if (found == entries_.end()) return;
    waiting = std::move(found->second.waiting);
    if (keep) {
      found->second = std::move(kept);
    } else {
      entries_.erase(found);
    }
  }
  // A failure holds nothing of its caller. A thousand more questions would not help a server that fails.
  const bool shared = keep || answer.status >= 500;
  for (const Waiter& waiter : waiting)
    (void)survives("api waiter", [&] { waiter(shared ? &answer : nullptr); });
}

void AnswerCache::make_room(Clock::time_point now) {
  std::erase_if(entries_, [now](const auto& pair) {
    const Entry& entry = pair.second;
    if (entry.asking) return entry.waiting.empty() && now - entry.since >= kLongestQuestion;
    return now >= entry.until;
  });
}

SharedQuestion::~SharedQuestion() {
  if (!open_) return;
  (void)survives("api question", [this] {
    http::Response dropped = http::Response::problem(503, "overloaded", "The API cannot answer now.");
    dropped.headers.add("Retry-After", "1");
    finish(dropped, AnswerCache::Clock::now());
  });
}

void SharedQuestion::finish(http::Response& answer, AnswerCache::Clock::time_point now) {
  answers_->finish(question_, answer, now);
  open_ = false;
}

}  // namespace millrace::api
