#include "encoder_trial.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace millrace::transcoding {
namespace {

using namespace std::chrono_literals;

class EncoderTrialTest : public ::testing::Test {
 protected:
  EncoderTrialTest() {
    std::string path = "/tmp/millrace-trial-XXXXXX";
    directory_ = ::mkdtemp(path.data());
  }
  ~EncoderTrialTest() override {
    trial_.reset();
    std::filesystem::remove_all(directory_);
  }

  // A child is this script: $0 --choose, $2 the encoder.
  void run_script(const std::string& script) {
    trial_ = std::make_unique<EncoderTrial>(
        "/bin/sh", std::vector<std::string>{"-c", "echo >> " + directory_ + "/tried; " + script},
        std::vector<std::string>{"PATH=/usr/bin:/bin"}, "x264");
  }
  std::size_t tries() const {
    std::error_code none;
    const auto size = std::filesystem::file_size(directory_ + "/tried", none);
    return none ? 0 : static_cast<std::size_t>(size);
  }
  // step: of the time, with every look.
  void look_until(const std::function<bool()>& holds, EncoderTrial::Time step = 0ms) {
    for (int i = 0; i < 2000 && !holds(); ++i) {
      trial_->look(now_ += step);
      std::this_thread::sleep_for(5ms);
    }
    EXPECT_TRUE(holds());
  }

  std::string directory_;
  std::unique_ptr<EncoderTrial> trial_;
  EncoderTrial::Time now_{0};
};

TEST_F(EncoderTrialTest, HasWhatTheChildChose) {
  run_script("echo $2");
  look_until([&] { return !trial_->chosen().empty(); });
  EXPECT_EQ(trial_->chosen(), "x264");
  EXPECT_EQ(trial_->trouble(), "");
}

TEST_F(EncoderTrialTest, DoesNotTryAgainWhatCannotBeUsed) {
  run_script("echo no device; exit 69");
  look_until([&] { return !trial_->trouble().empty(); });
  EXPECT_EQ(trial_->trouble(), "the encoder cannot be used: no device");
  trial_->look(now_ += 1h);
  trial_->look(now_ += 1h);
  EXPECT_EQ(tries(), 1U);
}

TEST_F(EncoderTrialTest, KillsWhatDoesNotAnswerAndTriesAgain) {
  run_script("[ -e " + directory_ + "/stuck ] && echo $2 && exit; : > " + directory_ +
             "/stuck; exec sleep 1000");
  look_until([&] { return std::filesystem::exists(directory_ + "/stuck"); });
  trial_->look(now_ += EncoderTrial::kLongest - 1ms);
  EXPECT_EQ(trial_->trouble(), "");
  now_ += 1ms;
  look_until([&] { return !trial_->trouble().empty(); });
  EXPECT_EQ(trial_->trouble(), "the encoder cannot be tried: no answer within 30 s");
  look_until([&] { return !trial_->chosen().empty(); }, 20ms);
  EXPECT_EQ(trial_->trouble(), "") << "it can be used after all";
}

TEST_F(EncoderTrialTest, TriesLessAndLessOften) {
  run_script("exit 1");
  for (; now_ < 40s; now_ += 100ms) {
    trial_->look(now_);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GE(tries(), 2U);
  EXPECT_LE(tries(), 6U) << "at 0, 1, 3, 7, 15 and 31 s at the earliest";
  EXPECT_EQ(trial_->trouble(), "the encoder cannot be tried: status 1");
}

}  // namespace
}  // namespace millrace::transcoding
