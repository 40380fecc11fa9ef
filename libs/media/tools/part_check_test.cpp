#include "media/tools/part_check.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace millrace::media {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PartChecks : public testing::Test {
 protected:
  void add(std::uint32_t part, std::int64_t ms, std::uint64_t segment, std::uint16_t flags = 0,
           TrackKind kind = TrackKind::kVideo) {
    TrackConfiguration configuration{};
    configuration.kind = kind;
    configuration.timescale = 1000;
    SampleRecord record{};
    record.sequence = sequence_++;
    record.dts = ms;
    record.media_sequence = segment;
    record.part = part;
    record.flags = flags;
    record.track = kind == TrackKind::kData ? kDataTrack : kVideoTrack;
    check_.add(record, &configuration);
  }
  static PartCheck::Report to(std::vector<std::string>& list) {
    return [&list](const SampleRecord& record, const std::string& text) {
      list.push_back(std::to_string(record.sequence) + ": " + text);
    };
  }
  std::vector<std::string> problems_;
  std::vector<std::string> warnings_;
  PartCheck check_{336'000, to(problems_), to(warnings_)};
  std::uint64_t sequence_ = 0;
};

TEST_F(PartChecks, TakeWhatTheRuleMakes) {
  add(0, 0, 1);
  add(0, 0, 1, 0, TrackKind::kData);
  add(1, 2000, 2, kSampleKey);
  add(1, 2200, 2);
  add(2, 2330, 2);
  add(3, 2660, 2);
  add(4, 2700, 3, kSampleKey);
  add(5, 2900, 3);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(warnings_, IsEmpty()) << "last and independent ones may be short";
}

TEST_F(PartChecks, FindWrongNumbers) {
  add(0, 0, 1);
  add(2, 2000, 2);
  add(2, 2300, 3);
  add(0, 2600, 3);
  add(7, 2700, 3, 0, TrackKind::kData);
  EXPECT_THAT(problems_,
              ElementsAre(HasSubstr("1: part 2 after 0"), HasSubstr("2: part 2 after 2 in another"),
                          HasSubstr("3: part 0 after 2"), HasSubstr("4: has a part where")));
}

TEST_F(PartChecks, WarnOfLateFramesAndShortParts) {
  add(0, 0, 1);
  add(1, 2000, 2, kSampleKey);
  add(2, 2330, 2);
  add(2, 2600, 2);
  add(3, 2700, 2);
  add(4, 2900, 2);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("4: part 2 before it has 370000 us of 336000"),
                                     HasSubstr("5: part 3 before it has 200000")));
}

TEST_F(PartChecks, FindAPartThatGoesOnBehindItsTarget) {
  add(0, 0, 1);
  add(1, 2000, 2, kSampleKey);
  add(1, 2400, 2);
  add(2, 2500, 2);
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("3: part 1 before it has 500000")));
}

TEST_F(PartChecks, SayNothingOfAPartWithoutItsBeginning) {
  add(8, 2300, 2);
  add(9, 2400, 2);
  EXPECT_THAT(warnings_, IsEmpty());
  check_.forget();
  add(12, 3000, 2);
  EXPECT_THAT(problems_, IsEmpty());
}

}  // namespace
}  // namespace millrace::media
