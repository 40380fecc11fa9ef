// Answers that anybody may get, kept for the second or so that the application says (RFC 9111,
// Cache-Control's s-maxage), and one question for all who ask the same meanwhile: a page that goes viral
// costs the application one request a second. A failure (5xx) is not kept, but goes to all who waited for it:
// one question for all also when nobody can answer. Any other answer that does not say it may be shared goes
// to its caller alone; those that waited for it ask again. No clock: times are passed in. Thread-safe.
//
// Bounds: kMaxEntries questions, kMaxBody for each answer; when full, what has expired goes first, else the
// new answer is not kept. kMaxWaiting clients wait for one answer; further ones are for the caller to ask
// about.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/message.hpp"

namespace millrace::api {

// Seconds of the directive s-maxage; 0 when there is none, or with no-store or private.
std::chrono::seconds shared_lifetime(std::string_view cache_control);

class AnswerCache {
 public:
  using Clock = std::chrono::steady_clock;
  // nullptr: the answer was for its caller only (a refusal, a private stream); the waiter asks for itself.
  using Waiter = std::function<void(const http::Response* shared)>;
  static constexpr std::size_t kMaxEntries = 4096;
  static constexpr std::size_t kMaxBody = 64UL * 1024;
  static constexpr std::size_t kMaxWaiting = 4096;
  // A question without an answer for so long (longer than any deadline behind it) is lost: the next one asks.
  static constexpr std::chrono::seconds kLongestQuestion{10};

  enum class Outcome : std::uint8_t {
    kAnswered,  // waiter has been called with a kept answer
    kWaiting,   // somebody asks already; waiter is called by its finish()
    kAsk,       // the caller asks, and calls finish() whatever comes (SharedQuestion); waiter was not taken
    kAskAlone,  // too many wait: the caller asks for itself and does not call finish()
  };
  // question: the same for all whose answer would be the same.
  Outcome get(const std::string& question, Clock::time_point now, const Waiter& waiter);

  // Hands the answer to all who wait, outside the lock, and keeps it, when it says so; a failure goes to them
  // unkept.
  void finish(const std::string& question, http::Response& answer, Clock::time_point now);

 private:
  struct Entry {
    http::Response answer;
    Clock::time_point until{};
    bool asking = false;
    Clock::time_point since{};  // when asking
    std::vector<Waiter> waiting;
  };
  void make_room(Clock::time_point now);

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

// Held by the caller from before get(): once begun, it is finished with what was answered, or with a failure
// (503) when it is dropped before, by an exception or by code that should have called back.
class SharedQuestion {
 public:
  SharedQuestion(std::shared_ptr<AnswerCache> answers, std::string question)
      : answers_(std::move(answers)), question_(std::move(question)) {}
  ~SharedQuestion();
  SharedQuestion(const SharedQuestion&) = delete;
  SharedQuestion& operator=(const SharedQuestion&) = delete;

  const std::string& text() const { return question_; }
  void begin() noexcept { open_ = true; }  // after Outcome::kAsk
  void finish(http::Response& answer, AnswerCache::Clock::time_point now);

 private:
  const std::shared_ptr<AnswerCache> answers_;
  const std::string question_;
  bool open_ = false;
};

}  // namespace millrace::api
