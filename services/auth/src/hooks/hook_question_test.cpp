#include "hooks/hook_question.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace millrace::auth {
namespace {

// Keeps its last question until the test answers it: no longer, as the question holds its hook.
class OneHook final : public Hook {
 public:
  OneHook(HookKind kind, std::vector<Occasion> wanted) : kind_(kind), wanted_(std::move(wanted)) {}
  HookKind kind() const override { return kind_; }
  bool wants(Occasion occasion) const override {
    return std::find(wanted_.begin(), wanted_.end(), occasion) != wanted_.end();
  }
  void ask(Occasion, const AccessRequest& request, std::chrono::milliseconds,
           std::function<void(Result<Verdict>)> given) override {
    session_id = request.session_id;
    given_ = std::move(given);
  }
  bool asked() const { return given_ != nullptr; }
  void answer(Result<Verdict> verdict) { std::exchange(given_, nullptr)(std::move(verdict)); }
  std::string session_id;

 private:
  std::function<void(Result<Verdict>)> given_;
  const HookKind kind_;
  const std::vector<Occasion> wanted_;
};

class HookQuestionTest : public ::testing::Test {
 protected:
  bool ask(HookQuestion& question) {
    return question.ask_next([this] { ++answered_; });
  }
  std::shared_ptr<OneHook> first_ = std::make_shared<OneHook>(
      HookKind::kCallback, std::vector{Occasion::kPublish, Occasion::kUnpublish, Occasion::kPlay});
  std::shared_ptr<OneHook> unconcerned_ =
      std::make_shared<OneHook>(HookKind::kSrs, std::vector{Occasion::kStop});
  std::shared_ptr<OneHook> last_ =
      std::make_shared<OneHook>(HookKind::kNginx, std::vector{Occasion::kPublish, Occasion::kStop});
  const std::vector<HookPtr> hooks_{first_, unconcerned_, last_};
  int answered_ = 0;
};

TEST_F(HookQuestionTest, AsksThoseThatWantToBeAskedOneAfterTheOther) {
  HookQuestion question(hooks_, Occasion::kPublish, {}, std::chrono::seconds(1));
  ASSERT_TRUE(ask(question));
  EXPECT_FALSE(last_->asked());
  first_->answer(Verdict{.accepted = true, .session_id = "s1", .forward_urls = {"rtmp://a"}});
  EXPECT_EQ(answered_, 1);
  ASSERT_TRUE(ask(question));
  EXPECT_FALSE(unconcerned_->asked());
  EXPECT_EQ(last_->session_id, "s1") << "what an earlier one called the session";
  last_->answer(Verdict{.accepted = true, .session_id = {}, .forward_urls = {"rtmp://b"}});
  EXPECT_FALSE(ask(question));
  EXPECT_FALSE(question.refused() || question.error());
  EXPECT_EQ(question.owed(), bit(HookKind::kCallback)) << "the last one hears of ends of plays only";
  EXPECT_EQ(question.request().session_id, "s1");
  EXPECT_EQ(question.forward_urls(), (std::vector<std::string>{"rtmp://a", "rtmp://b"}));
}

TEST_F(HookQuestionTest, NobodyIsAskedAfterARefusalOrAFailure) {
  for (const bool fails : {false, true}) {
    HookQuestion question(hooks_, Occasion::kPublish, {}, std::chrono::seconds(1));
    ASSERT_TRUE(ask(question));
    first_->answer(fails ? Result<Verdict>(fail("http.deadline", "no answer")) : Verdict{});
    EXPECT_FALSE(ask(question));
    EXPECT_FALSE(last_->asked());
    EXPECT_EQ(question.refused(), !fails);
    EXPECT_EQ(question.error().has_value(), fails);
    EXPECT_EQ(question.owed(), 0U);
  }
}

TEST_F(HookQuestionTest, WhereAllAgreedBeforeNobodyIsAsked) {
  HookQuestion question(hooks_, Occasion::kPublish, {}, std::chrono::seconds(1));
  question.skip_hooks();
  EXPECT_FALSE(ask(question));
  EXPECT_FALSE(first_->asked());
}

TEST(HookTime, EndsBeforeTheRequestsDeadlineButIsNeverNothing) {
  using std::chrono::milliseconds;
  EXPECT_EQ(time_for_hooks(milliseconds(4000), 10'000'000, 0), milliseconds(4000));
  EXPECT_EQ(time_for_hooks(milliseconds(4000), 2'000'000, 0), milliseconds(1700));
  EXPECT_EQ(time_for_hooks(milliseconds(4000), 0, 5'000'000), milliseconds(50));
}

}  // namespace
}  // namespace millrace::auth
