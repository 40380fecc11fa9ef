// Edge and application together under random requests at and around every bound, whole and torn, beside
// honest clients: nobody gets another's answer, nothing of an honest client is changed.
//
// MILLRACE_PASSING_SECONDS (20; 600 with MILLRACE_TEST_LONG=1), MILLRACE_PASSING_SEED (random; printed). The
// requests are those of the seed; how they meet is the scheduler's.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include "api_fixture.hpp"
#include "passing_support.hpp"

namespace millrace::api {
namespace {

using Clock = std::chrono::steady_clock;
using http::testing::status_of;
using http::testing::TestClient;
using testing::HonestClient;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Tried {
  std::atomic<std::uint64_t> requests{0}, with_body{0}, chunked{0}, at_bound{0}, long_targets{0},
      long_tokens{0}, pipelined{0}, torn{0}, answers{0};
};

// Random requests, the same for the same seed.
class Attacker {
 public:
  Attacker(std::uint16_t port, std::uint64_t seed, Tried& tried)
      : port_(port), random_(seed), tried_(tried) {}

  // One connection's requests. What is wrong with the answers; empty: nothing.
  std::string attack() {
    const std::size_t count = chance(8) ? below(4) + 2 : 1;
    std::string text;
    std::vector<bool> heads(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string one = request();
      heads[i] = one.starts_with("HEAD ");
      text += one;
    }
    if (count > 1) ++tried_.pipelined;
    TestClient client(port_);
    const bool torn = chance(10);
    if (torn) text.resize(below(text.size()));
    send(client, text);
    if (torn || chance(20)) {
      ++tried_.torn;
      client.reset();
      return {};
    }
    std::string wrong;
    for (std::size_t i = 0; i < count && wrong.empty() && !client.closed(); ++i)
      wrong = judge(client, heads[i]);
    client.reset();
    return wrong.empty() ? wrong : wrong + "\nafter " + text.substr(0, 300);
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % std::max<std::uint64_t>(bound, 1); }
  bool chance(unsigned one_in) { return below(one_in) == 0; }

  std::string judge(TestClient& client, bool head) {
    const std::string answer = client.read_answer(head);
    const int status = status_of(answer);
    if (status == 0) return {};  // the edge closed after a refusal
    ++tried_.answers;
    if (status == 502) return "502: an answer was not its request's\n" + answer;
    if (answer.find("honest-") != std::string::npos) return "another's answer\n" + answer;
    return {};
  }

  void send(TestClient& client, std::string_view text) {
    const bool whole = !chance(4);
    while (!text.empty()) {
      const std::size_t size = whole ? text.size() : std::min<std::size_t>(below(9000) + 1, text.size());
      if (!client.send(text.substr(0, size))) return;
      text.remove_prefix(size);
    }
  }

  std::string segment() {
    switch (below(7)) {
      case 0:
        return "alice-id";
      case 1:
        return "mallory-id";
      case 2:
        return "bob-id";
      case 3:
        return "a%0D%0Ab";  // refused by the edge
      case 4:
        return "%20%22%3F%26%3D%2C%C3%A4";
      case 5:
        return std::string(below(300) + 1, 'a');
      default:
        return std::string(testing::kKey);
    }
  }

  std::string query(std::size_t path) {
    switch (below(6)) {
      case 0:
        return "?a=%0D%0A&b=%00&limit=1";
      case 1: {
        ++tried_.long_targets;
        const std::size_t room = kMaxTarget - std::min(path, kMaxTarget);
        return "?" + std::string(room + below(5) - std::min<std::size_t>(room, 2), chance(2) ? '"' : 'q');
      }
      case 2: {
        std::string many = "?";
        for (std::uint64_t i = below(3) + 62; i > 0; --i) many += "n&";
        return many;
      }
      default:
        return chance(2) ? "" : "?n=" + std::to_string(random_());
    }
  }

  std::string authorization() {
    if (chance(2)) return {};
    if (chance(4)) return "Authorization: Bearer good-mallory\r\n";
    static constexpr std::size_t kLengths[] = {1, 1000, 4000, 8000, 8184, 8185, 8186, 9000, 14'000};
    const std::size_t length = kLengths[below(std::size(kLengths))];
    if (length > 4000) ++tried_.long_tokens;
    return "Authorization: Bearer " + std::string(length, chance(3) ? '"' : 'x') + "\r\n";
  }

  std::size_t body_size() {
    constexpr std::size_t kBody = http::Limits{}.body_bytes;
    switch (below(8)) {
      case 0:
      case 1:
        return 0;
      case 2:
        return below(300);
      case 3:
        return 4096 * below(17) + below(3);
      case 4:
        return below(kBody);
      default:
        ++tried_.at_bound;
        return chance(3) ? kBody - 1 + below(3) : kBody - below(10'000);
    }
  }

  std::string request() {
    ++tried_.requests;
    const Route& route = routes()[below(routes().size())];
    static constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                                    "PATCH", "DELETE", "OPTIONS"};
    const std::string method(chance(5) ? kMethods[below(std::size(kMethods))] : method_name(route.method));
    std::string target = testing::path_with(route, [this] { return segment(); });
    if (chance(10)) target += "/";
    target += query(target.size());
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + authorization();
    if (chance(3)) text += "Content-Type: application/json\r\n";
    if (chance(10)) text += "X-Millrace-Call: ,1,0,,,,,\r\nX-Millrace-Request: 1\r\n";
    const std::string body = testing::body_of_size(body_size(), random_(), below(4096));
    if (!body.empty()) ++tried_.with_body;
    if (chance(3)) {
      ++tried_.chunked;
      const std::uint64_t most = chance(4) ? 100 : 20'000;
      return text + "Transfer-Encoding: chunked\r\n\r\n" +
             testing::chunked(body, [&] { return below(most) + 1; });
    }
    return text + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  const std::uint16_t port_;
  std::mt19937_64 random_;
  Tried& tried_;
};

class PassingFuzzTest : public testing::ApiFixture {
 protected:
  // The changes that were asked of auth since the last call: only those of honest clients.
  void judge_changes() {
    std::vector<bus::v1::Request> made;
    {
      const std::lock_guard lock(mutex_);
      made.swap(changes_);
    }
    for (const bus::v1::Request& change : made) {
      if (!change.update_settings().quality().starts_with("q"))
        fault("a change that nobody asked for: " + change.ShortDebugString());
    }
  }
  void fault(const std::string& what) {
    const std::lock_guard lock(faults_mutex_);
    if (faults_.size() < 5) faults_.push_back(what);
    failed_ = true;
  }
  void honest_loop(const std::string& name, Clock::time_point end) {
    HonestClient client(server_->port(), name);
    for (std::uint64_t number = 0; Clock::now() < end && !failed_; ++number) {
      switch (client.ask(number)) {
        case HonestClient::Got::kOwn:
          ++own_;
          break;
        case HonestClient::Got::kRefused:
          ++refused_;
          break;
        case HonestClient::Got::kWrong:
          fault(name + " asked for " + std::to_string(number) + " and got\n" + client.last());
      }
      if (number % 100 == 0) judge_changes();
    }
  }
  void attack_loop(std::uint64_t seed, Clock::time_point end) {
    Attacker attacker(server_->port(), seed, tried_);
    for (std::uint64_t number = 0; Clock::now() < end && !failed_; ++number) {
      if (const std::string wrong = attacker.attack(); !wrong.empty())
        fault("attack " + std::to_string(number) + " of seed " + std::to_string(seed) + ": " + wrong);
    }
  }

  Tried tried_;
  std::atomic<std::uint64_t> own_{0}, refused_{0};
  std::atomic<bool> failed_{false};
  std::mutex faults_mutex_;
  std::vector<std::string> faults_;
};

TEST_F(PassingFuzzTest, EverybodyGetsTheirOwnAnswers) {
  constexpr std::uint64_t kAttackers = 4;
  const bool is_long = number_from("MILLRACE_TEST_LONG", 0) != 0;
  const std::uint64_t seconds = number_from("MILLRACE_PASSING_SECONDS", is_long ? 600 : 20);
  const std::uint64_t seed = number_from("MILLRACE_PASSING_SEED", random_u64() % 1'000'000);
  std::cout << "seed " << seed << ", " << seconds << " s" << std::endl;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::vector<std::thread> threads;
  for (const char* name : {"alice", "bob"}) {
    for (int i = 0; i < 2; ++i) threads.emplace_back([this, name, end] { honest_loop(name, end); });
  }
  for (std::uint64_t i = 0; i < kAttackers; ++i)
    threads.emplace_back([this, seed, i, end] { attack_loop(seed + i, end); });
  for (std::thread& thread : threads) thread.join();
  judge_changes();
  const http::UpstreamStatistics upstream = upstream_->statistics();
  std::cout << "tried " << tried_.requests << " requests on " << routes().size() << " routes ("
            << tried_.with_body << " with a body, " << tried_.at_bound << " of a size at the bound, "
            << tried_.chunked << " in chunks, " << tried_.long_targets << " long targets, "
            << tried_.long_tokens << " long tokens, " << tried_.pipelined << " pipelined, " << tried_.torn
            << " torn), " << tried_.answers << " answers; honest: " << own_ << " own answers, " << refused_
            << " refused; passed on: " << upstream.requests << " over " << upstream.connects
            << " connections, " << upstream.deadlines << " late" << std::endl;
  for (const std::string& what : faults_) ADD_FAILURE() << what;
  EXPECT_EQ(upstream.strays, 0U);
  EXPECT_EQ(upstream.failures, 0U);
  EXPECT_GT(own_, 0U);
  EXPECT_LT(refused_, own_ / 10 + 10);
}

}  // namespace
}  // namespace millrace::api
