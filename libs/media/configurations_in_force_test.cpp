#include "media/configurations_in_force.hpp"

#include <gmock/gmock.h>

#include "media/log_follower_test_support.hpp"

namespace millrace::media {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConfigurationsInForceTest : public testing::FollowedLogFixture {
 protected:
  void SetUp() override { create_log(); }
  static std::vector<int> bytes_of(const std::vector<LogReader::Configuration>& given) {
    std::vector<int> bytes;
    for (const auto& configuration : given) bytes.push_back(configuration.bytes.at(0));
    return bytes;
  }
  std::vector<int> begin() { return bytes_of(in_force_.begin(*reader_, newest())); }
  std::vector<int> before() { return bytes_of(in_force_.before(*reader_, newest())); }
  SampleRecord newest() const { return reader_->at(log_->committed() - 1)->record; }

  ConfigurationsInForce in_force_;
};

TEST_F(ConfigurationsInForceTest, BeginWithWhatDescribesTheStream) {
  video(1);
  audio(2);
  audio(3, 3);
  metadata(4);
  annotation(LogMessage::kAudio, 5);
  annotation(LogMessage::kVideo, 6);
  write("V");
  EXPECT_THAT(begin(), ElementsAre(4, 6, 5, 1, 2, 3));
  EXPECT_THAT(before(), IsEmpty());
}

TEST_F(ConfigurationsInForceTest, BeginWithTheNewestOfEach) {
  metadata(1);
  annotation(LogMessage::kVideo, 2);
  audio(3, 3);
  metadata(4);
  annotation(LogMessage::kVideo, 5);
  audio(6, 3);
  video(7);
  write("V");
  EXPECT_THAT(begin(), ElementsAre(4, 5, 7, 6));
}

// An encoder that went to another configuration and back is given the first one's entry again.
TEST_F(ConfigurationsInForceTest, BeginWithWhatASilentTrackUsedLast) {
  video(1);
  audio(2);
  write("Va");
  audio(3);
  write("a");
  EXPECT_EQ(audio(2), 1U);
  write("aV");
  EXPECT_THAT(begin(), ElementsAre(1, 2));
  EXPECT_EQ(in_force_.of(kAudioTrack), 1U);
}

TEST_F(ConfigurationsInForceTest, BeginWithoutWhatTheLogDoesNotHave) {
  write("V");
  EXPECT_THAT(begin(), IsEmpty());
  EXPECT_EQ(in_force_.of(kVideoTrack), std::nullopt);
  EXPECT_FALSE(in_force_.knows(newest()));
  EXPECT_THAT(before(), IsEmpty());
}

TEST_F(ConfigurationsInForceTest, ChangeWithTheFirstRecordThatNeedsIt) {
  video(1);
  audio(2);
  write("V");
  begin();
  video(3);
  audio(4);
  write("a");
  EXPECT_FALSE(in_force_.knows(newest()));
  EXPECT_THAT(before(), ElementsAre(4)) << "no picture of the new configuration has come";
  EXPECT_TRUE(in_force_.knows(newest()));
  EXPECT_THAT(before(), IsEmpty());
  write("V");
  EXPECT_THAT(before(), ElementsAre(3));
}

TEST_F(ConfigurationsInForceTest, GoBackToOneThatWasThere) {
  video(1);
  write("V");
  begin();
  video(2);
  write("V");
  EXPECT_THAT(before(), ElementsAre(2));
  video(1);
  write("V");
  EXPECT_THAT(before(), ElementsAre(1));
}

TEST_F(ConfigurationsInForceTest, BringNewDescriptionsWithAnyRecord) {
  video(1);
  metadata(2);
  write("V");
  begin();
  metadata(3);
  annotation(LogMessage::kVideo, 4);
  video(5);
  write("V");
  EXPECT_THAT(before(), ElementsAre(3, 4, 5));
  EXPECT_EQ(in_force_.of(kDataTrack), 2U) << "an annotation stands beside the metadata";
  EXPECT_THAT(before(), IsEmpty());
}

TEST_F(ConfigurationsInForceTest, CountOneWithoutAMessageAsGiven) {
  configure(kAudioTrack, TrackKind::kAudio, 0, 9, Codec::kAc3);
  write("a");
  const auto given = in_force_.begin(*reader_, newest());
  ASSERT_THAT(bytes_of(given), ElementsAre(9));
  EXPECT_THAT(log_message(given[0].message).body, IsEmpty());
  EXPECT_TRUE(in_force_.knows(newest()));
}

TEST_F(ConfigurationsInForceTest, AreGivenAgainAfterForgetting) {
  video(1);
  metadata(2);
  write("V");
  begin();
  in_force_.forget();
  EXPECT_FALSE(in_force_.knows(newest()));
  EXPECT_THAT(before(), ElementsAre(2, 1));
  in_force_.forget();
  EXPECT_THAT(begin(), ElementsAre(2, 1));
}

}  // namespace
}  // namespace millrace::media
