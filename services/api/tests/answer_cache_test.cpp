#include "answer_cache.hpp"

#include <gmock/gmock.h>

namespace millrace::api {
namespace {

using std::chrono::seconds;
using Outcome = AnswerCache::Outcome;

http::Response answer_of(const std::string& body, std::string_view cache_control = "public, s-maxage=1") {
  http::Response answer = http::Response::text(200, "text/plain", body);
  answer.headers.add("Cache-Control", cache_control);
  return answer;
}

std::string text_of(const http::Response& answer) {
  return *std::get<std::shared_ptr<const std::string>>(answer.body);
}

class AnswerCacheTest : public ::testing::Test {
 protected:
  Outcome get(const std::string& target) {
    return cache_.get(target, now_, [this](const http::Response* answer) {
      got_.push_back(answer == nullptr ? "ask" : text_of(*answer));
    });
  }
  void finish(const std::string& target, http::Response answer) { cache_.finish(target, answer, now_); }

  AnswerCache cache_;
  AnswerCache::Clock::time_point now_{};
  std::vector<std::string> got_;
};

TEST(SharedLifetime, IsWhatTheApplicationSays) {
  struct Case {
    std::string_view value;
    int lifetime;
  };
  const Case cases[] = {{"", 0},
                        {"public, max-age=0, s-maxage=1", 1},
                        {"s-maxage=7", 7},
                        {"s-maxage=100000", 60},
                        {"s-maxage=-1", 0},
                        {"s-maxage=1x", 0},
                        {"s-maxage=", 0},
                        {"s-maxage=99999999999999999999", 0},
                        {"max-age=5", 0},
                        {"no-store, s-maxage=1", 0},
                        {"s-maxage=1, private", 0},
                        {",,s-maxage=2,", 2}};
  for (const Case& c : cases) EXPECT_EQ(shared_lifetime(c.value), seconds(c.lifetime)) << c.value;
}

TEST_F(AnswerCacheTest, AsksOnceForAllWhoWait) {
  EXPECT_EQ(get("/a"), Outcome::kAsk);
  EXPECT_EQ(get("/a"), Outcome::kWaiting);
  EXPECT_EQ(get("/a"), Outcome::kWaiting);
  EXPECT_EQ(get("/b"), Outcome::kAsk);
  finish("/a", answer_of("x"));
  EXPECT_EQ(got_, (std::vector<std::string>{"x", "x"}));
  EXPECT_EQ(get("/a"), Outcome::kAnswered);
  EXPECT_EQ(got_.size(), 3U);
}

TEST_F(AnswerCacheTest, ForgetsWhenTheTimeIsOver) {
  ASSERT_EQ(get("/a"), Outcome::kAsk);
  finish("/a", answer_of("x"));
  now_ += seconds(1);
  EXPECT_EQ(get("/a"), Outcome::kAsk);
}

TEST_F(AnswerCacheTest, NeitherKeepsNorSharesWhatDoesNotSaySo) {
  http::Response problem = http::Response::problem(404, "stream_unknown");
  problem.headers.add("Cache-Control", "s-maxage=9");
  const http::Response answers[] = {answer_of("x", "no-store"), answer_of("x", "max-age=9"), problem,
                                    answer_of(std::string(AnswerCache::kMaxBody + 1, 'x'))};
  for (const http::Response& answer : answers) {
    ASSERT_EQ(get("/a"), Outcome::kAsk);
    ASSERT_EQ(get("/a"), Outcome::kWaiting);
    ASSERT_EQ(get("/a"), Outcome::kWaiting);
    finish("/a", answer);
    EXPECT_EQ(got_, (std::vector<std::string>{"ask", "ask"})) << "each for itself";
    got_.clear();
  }
}

TEST_F(AnswerCacheTest, GivesAFailureToAllWhoWaitAndKeepsItForNobody) {
  for (const int status : {500, 502, 503, 504}) {
    http::Response failure = http::Response::problem(status, "failed");
    failure.headers.add("Cache-Control", status == 503 ? "s-maxage=9" : "no-store");
    ASSERT_EQ(get("/a"), Outcome::kAsk);
    ASSERT_EQ(get("/a"), Outcome::kWaiting);
    ASSERT_EQ(get("/a"), Outcome::kWaiting);
    finish("/a", failure);
    ASSERT_EQ(got_.size(), 2U) << status;
    EXPECT_THAT(got_, ::testing::Each(::testing::HasSubstr("urn:millrace:failed"))) << status;
    got_.clear();
  }
  EXPECT_EQ(get("/a"), Outcome::kAsk);
}

TEST_F(AnswerCacheTest, FailsAQuestionThatIsDropped) {
  const auto cache = std::make_shared<AnswerCache>();
  std::vector<int> got;
  const AnswerCache::Waiter waiter = [&](const http::Response* answer) {
    got.push_back(answer == nullptr ? 0 : answer->status);
  };
  const auto begin = [&] {
    auto question = std::make_unique<SharedQuestion>(cache, "/a");
    EXPECT_EQ(cache->get(question->text(), now_, waiter), Outcome::kAsk);
    question->begin();
    EXPECT_EQ(cache->get("/a", now_, waiter), Outcome::kWaiting);
    return question;
  };
  begin().reset();
  EXPECT_EQ(got, std::vector<int>{503});
  // An answered one is finished once, and one that was not begun is not finished at all.
  const auto question = begin();
  SharedQuestion(cache, "/a").text();
  EXPECT_EQ(got.size(), 1U);
  http::Response answer = answer_of("x");
  question->finish(answer, now_);
  EXPECT_EQ(got, (std::vector<int>{503, 200}));
}

TEST_F(AnswerCacheTest, AsksAgainWhatNobodyAnswered) {
  ASSERT_EQ(get("/a"), Outcome::kAsk);
  now_ += AnswerCache::kLongestQuestion - std::chrono::milliseconds(1);
  ASSERT_EQ(get("/a"), Outcome::kWaiting);
  now_ += std::chrono::milliseconds(1);
  EXPECT_EQ(get("/a"), Outcome::kAsk);
  EXPECT_EQ(get("/a"), Outcome::kWaiting);
  finish("/a", answer_of("x"));
  EXPECT_EQ(got_, (std::vector<std::string>{"x", "x"})) << "who waited for the lost one as well";
}

TEST_F(AnswerCacheTest, LostQuestionsTakeNobodysRoom) {
  for (std::size_t i = 0; i < AnswerCache::kMaxEntries; ++i)
    ASSERT_EQ(get("/" + std::to_string(i)), Outcome::kAsk);
  EXPECT_EQ(get("/more"), Outcome::kAskAlone);
  now_ += AnswerCache::kLongestQuestion;
  EXPECT_EQ(get("/more"), Outcome::kAsk);
}

TEST_F(AnswerCacheTest, OneWaiterThatThrowsCostsTheOthersNothing) {
  ASSERT_EQ(get("/a"), Outcome::kAsk);
  const AnswerCache::Waiter thrower = [](const http::Response*) { throw std::bad_alloc(); };
  ASSERT_EQ(cache_.get("/a", now_, thrower), Outcome::kWaiting);
  ASSERT_EQ(get("/a"), Outcome::kWaiting);
  finish("/a", answer_of("x"));
  EXPECT_EQ(got_, std::vector<std::string>{"x"});
}

TEST_F(AnswerCacheTest, IsBounded) {
  for (std::size_t i = 0; i < AnswerCache::kMaxEntries; ++i) {
    const std::string target = "/" + std::to_string(i);
    ASSERT_EQ(get(target), Outcome::kAsk);
    finish(target, answer_of("x"));
  }
  EXPECT_EQ(get("/more"), Outcome::kAskAlone);
  EXPECT_EQ(get("/1"), Outcome::kAnswered);
  now_ += seconds(1);
  EXPECT_EQ(get("/more"), Outcome::kAsk);
  for (std::size_t i = 0; i < AnswerCache::kMaxWaiting; ++i) ASSERT_EQ(get("/more"), Outcome::kWaiting);
  EXPECT_EQ(get("/more"), Outcome::kAskAlone);
}

}  // namespace
}  // namespace millrace::api
