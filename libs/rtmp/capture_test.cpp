// Sessions of real encoders, recorded with tests/tools/rtmp_capture: however the bytes are cut, and if the
// session is saved and restored at every single one of them, the actions are the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "rtmp/session_testing.hpp"

namespace millrace::rtmp {
namespace {

using testing::SessionDriver;

Bytes read_capture(const std::string& name) {
  std::ifstream file(std::filesystem::path(RTMP_CAPTURES) / (name + ".rtmp"), std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

class Capture : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bytes_ = read_capture(GetParam());
    ASSERT_GT(bytes_.size(), 10'000U);
    whole_.feed(bytes_, 1);
  }

  void expect_same(const SessionDriver& driver) {
    EXPECT_EQ(driver.events, whole_.events);
    EXPECT_EQ(driver.sent, whole_.sent);
  }

  Bytes bytes_;
  SessionDriver whole_;
};

TEST_P(Capture, IsUnderstoodFromConnectToTheEndOfThePublish) {
  ASSERT_GT(whole_.events.size(), 200U);
  EXPECT_EQ(whole_.events.front(), "publish 1 live sk_test  live");
  EXPECT_EQ(whole_.events.back(), "publish ended 1");
  for (std::size_t i = 1; i + 1 < whole_.events.size(); ++i) {
    EXPECT_EQ(whole_.events[i].rfind("message ", 0), 0U) << whole_.events[i];
  }
}

TEST_P(Capture, GivesTheSameActionsHoweverReadsAreCut) {
  for (const std::size_t step : {2, 3, 7, 17, 127, 128, 129, 1'000, 1'536, 1'537, 65'536, 1'000'000}) {
    SCOPED_TRACE(step);
    SessionDriver driver;
    driver.feed(bytes_, step);
    expect_same(driver);
  }
}

// As from a client that waits for no answer: all of it is in one read, and the answer comes late.
TEST_P(Capture, LosesNothingThatCameWithThePublish) {
  SessionDriver driver;
  driver.accepts = false;
  driver.feed(bytes_);
  ASSERT_EQ(driver.events.size(), 1U);
  driver.save_and_restore();
  const Bytes answer = driver.session().accept_publish(1);
  driver.sent.insert(driver.sent.end(), answer.begin(), answer.end());
  driver.resume();
  expect_same(driver);
}

TEST_P(Capture, GivesTheSameActionsWhenSavedAndRestoredAtEveryByte) {
  constexpr std::size_t kEveryByte = 20'000;
  constexpr std::size_t kLaterStep = 97;
  SessionDriver driver;
  for (std::size_t at = 0; at < bytes_.size();) {
    const std::size_t step = std::min(at < kEveryByte ? 1 : kLaterStep, bytes_.size() - at);
    driver.feed(ByteView(bytes_).subspan(at, step));
    driver.save_and_restore();
    at += step;
  }
  expect_same(driver);
}

INSTANTIATE_TEST_SUITE_P(Encoders, Capture, ::testing::Values("ffmpeg", "gstreamer", "librtmp", "obs"),
                         [](const auto& encoder) { return std::string(encoder.param); });

}  // namespace
}  // namespace millrace::rtmp
