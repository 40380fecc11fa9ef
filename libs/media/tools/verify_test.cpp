#include "media/tools/verify.hpp"

#include <gmock/gmock.h>

#include "media/arena_test_support.hpp"

namespace millrace::media {
namespace {

using testing::describe;
using ::testing::ElementsAre;
using testing::finish;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::record_at;

class Verify : public testing::ArenaFixture {
 protected:
  void SetUp() override {
    open_writer();
    log_ = create(describe("cam", 7));
    TrackConfiguration avc{};
    avc.codec = Codec::kH264;
    ASSERT_TRUE(log_->add_configuration(avc, {}, Bytes{1, 100, 0, 31, 0xFF, 0xE1}));
  }
  void add(const Bytes& payload, std::int64_t dts, std::uint64_t segment = 1, std::uint32_t part = 0) {
    const auto room = log_->reserve(static_cast<std::uint32_t>(payload.size()));
    ASSERT_TRUE(room);
    SampleRecord record = record_at(dts);
    record.media_sequence = segment;
    record.part = part;
    finish(*log_, *room, payload, record);
  }
  Verification verify() {
    auto reader = open_reader();
    auto cursor = reader->open_log(log_->slot(), PublicationId{7}, 0);
    return verify_log(*cursor);
  }
  std::unique_ptr<LogWriter> log_;
  const Bytes good_ = {0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x06};
};

TEST_F(Verify, FindsNothingWrongInAGoodLog) {
  add(good_, 0);
  add(good_, 1, 2);
  const Verification result = verify();
  EXPECT_EQ(result.records, 2U);
  EXPECT_EQ(result.bytes, 22U);
  EXPECT_THAT(result.problems, IsEmpty());
}

TEST_F(Verify, FindsTimesAndSegmentsThatStepBack) {
  add(good_, 10, 5);
  add(good_, 10, 4);
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("decode time"), HasSubstr("segment number")));
}

TEST_F(Verify, FindsPartsThatDoNotFollow) {
  log_->set_part_target_us(336'000);
  log_->set_target_duration_s(2);
  add(good_, 0);
  add(good_, 1, 2, 1);
  add(good_, 2, 3, 2);
  EXPECT_THAT(verify().problems, IsEmpty());
  add(good_, 3, 3, 4);
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("record 3: part 4 after 2")));
}

TEST_F(Verify, FindsSamplesThatAreNotFramed) {
  add({0, 0, 0, 9, 1}, 0);
  add({0, 0, 0}, 1);
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("record 0: lengths"), HasSubstr("record 1: lengths")));
}

TEST_F(Verify, KnowsTheFramingOfOtherCodecs) {
  TrackConfiguration description{};
  description.track = 3;
  description.codec = Codec::kH265;
  Bytes hvcc(23);
  hvcc[21] = 1;  // lengths of 2 bytes
  const auto hevc = log_->add_configuration(description, {}, hvcc);
  description.track = 4;
  description.codec = Codec::kAv1;
  const auto av1 = log_->add_configuration(description, {}, Bytes{0x81, 0, 0x0C, 0});
  ASSERT_TRUE(hevc && av1);
  const struct {
    std::uint8_t track;
    std::uint32_t configuration;
    Bytes payload;
  } samples[] = {
      {3, *hevc, {0, 2, 0x26, 1}}, {3, *hevc, {0, 9, 0x26, 1}}, {4, *av1, {0x12, 0}}, {4, *av1, {0x12, 7}}};
  std::int64_t dts = 0;
  for (const auto& sample : samples) {
    const auto room = log_->reserve(static_cast<std::uint32_t>(sample.payload.size()));
    ASSERT_TRUE(room);
    SampleRecord record = record_at(++dts);
    record.media_sequence = 1;
    record.track = sample.track;
    record.configuration = sample.configuration;
    finish(*log_, *room, sample.payload, record);
  }
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("record 1: lengths"), HasSubstr("record 3: lengths")));
}

TEST_F(Verify, FindsGapsAmongSamplesAndSamplesAmongGaps) {
  SampleRecord gap = record_at(1);
  gap.media_sequence = 1;
  ASSERT_TRUE(log_->commit_gap(gap));
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("record 0: a gap among samples")));
  log_->end(LogEnd::kDisconnected);
  LogDescription slate = describe("cam", 7);
  slate.role = LogRole::kSlate;
  slate.origin_publication_id = PublicationId{6};
  log_ = create(slate);
  for (const std::int64_t dts : {0, 500'000}) {
    gap.dts = dts;
    gap.part += 1;
    ASSERT_TRUE(log_->commit_gap(gap));
  }
  log_->set_part_target_us(500'000);
  EXPECT_THAT(verify().problems, IsEmpty());
  add(good_, 1'000'000, 2);
  EXPECT_THAT(verify().problems,
              ElementsAre(HasSubstr("record 2: a sample among gaps"), HasSubstr("part 0")));
}

TEST_F(Verify, FindsAConfigurationThatIsNotThere) {
  const auto room = log_->reserve(0);
  ASSERT_TRUE(room);
  SampleRecord record = record_at(1);
  record.configuration = 3;
  finish(*log_, *room, {}, record);
  EXPECT_THAT(verify().problems, ElementsAre(HasSubstr("configuration 3")));
}

}  // namespace
}  // namespace millrace::media
