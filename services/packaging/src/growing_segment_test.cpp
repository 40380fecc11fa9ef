#include "growing_segment.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using Progress = http::LiveStream::Progress;

// A socket that takes so many bytes at a time.
class TestOutput final : public http::LiveOutput {
 public:
  explicit TestOutput(std::size_t most) : most_(most) {}
  ssize_t send(std::span<const iovec> parts) override {
    std::size_t taken = 0;
    for (const iovec& part : parts) {
      const std::size_t count = std::min(part.iov_len, most_ - taken);
      const auto* const from = static_cast<const std::uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), from, from + count);
      taken += count;
    }
    if (taken == 0) errno = EAGAIN;
    return taken == 0 ? -1 : static_cast<ssize_t>(taken);
  }
  Bytes bytes;

 private:
  std::size_t most_;
};

class GrowingSegmentTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    arena_ = make_arena(directory_.path());
    TestPublisher::Options options;
    options.part_us = 2 * kFrameMs * 1000;
    publisher_ = std::make_unique<TestPublisher>(*arena_, options);
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
    publisher_->groups(4);
    publisher_->frame(0);
    look();
  }
  void look() {
    package_.update({sources(reader_)}, 0);
    views_.publish(package_.view(), this);
  }
  Progress pump(std::int64_t now_us = 0) {
    Progress progress = Progress::kMore;
    while (progress == Progress::kMore) progress = segment_->pump(output_, now_us);
    return progress;
  }
  void ask(const std::string& rendition = "v0") {
    name_ = segment_name(package_.view()->growing->segment());
    segment_ = std::make_unique<GrowingSegment>(
        views_, GrowingSegment::Wanted{"s1", rendition, name_}, kPatienceUs,
        [this](std::int64_t) { return allowed_; }, [this](std::uint64_t size) { size_ = size; });
    segment_->attach([this] { ++woken_; });
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<TestPublisher> publisher_;
  std::shared_ptr<media::ArenaReader> reader_;
  StreamPackage package_{"s1", WindowPolicy{.segments = 4}};
  ViewTable views_;
  SegmentName name_;
  std::unique_ptr<GrowingSegment> segment_;
  TestOutput output_{GetParam()};
  std::uint64_t size_ = 0;
  int woken_ = 0;
  bool allowed_ = true;
  static constexpr std::int64_t kPatienceUs = 6'000'000;
};

TEST_P(GrowingSegmentTest, IsSentAsItGrowsAndIsTheWholeSegmentThen) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  std::size_t before = output_.bytes.size();
  for (int frames = 0; frames < 4; ++frames) {
    publisher_->frame(0);
    look();
    EXPECT_EQ(pump(), Progress::kIdle);
    EXPECT_GE(output_.bytes.size(), before);
    before = output_.bytes.size();
  }
  EXPECT_GT(before, 0U);
  EXPECT_EQ(woken_, 4);
  publisher_->groups(1);
  look();
  EXPECT_EQ(pump(), Progress::kEnded);
  const StreamView& view = *package_.view();
  const RenditionView& rendition = *view.rendition("v0");
  ASSERT_EQ(view.presence(rendition, name_), Presence::kHere);
  const SegmentPlace& place = view.segment(rendition, name_);
  const auto file = place.segment->file(place.track);
  ASSERT_NE(file, nullptr);
  Bytes whole;
  for (const ByteView region : file->regions) whole.insert(whole.end(), region.begin(), region.end());
  EXPECT_EQ(output_.bytes, whole);
  EXPECT_EQ(size_, whole.size());
}

TEST_P(GrowingSegmentTest, IsCutOffWhenItsStreamIsGone) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  views_.withdraw("s1", this);
  EXPECT_EQ(woken_, 1);
  EXPECT_EQ(pump(), Progress::kFailed);
  EXPECT_EQ(size_, 0U);
}

TEST_P(GrowingSegmentTest, IsSentToItsEndWhenTheServerStops) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  segment_->drain();
  EXPECT_TRUE(segment_->ends_soon());
  publisher_->groups(1);
  look();
  EXPECT_EQ(pump(900'000), Progress::kEnded);
  EXPECT_GT(size_, 0U);
}

TEST_P(GrowingSegmentTest, BreaksOffWhenTheServerStopsAndNothingComes) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  segment_->drain();
  EXPECT_EQ(pump(999'999), Progress::kIdle);
  EXPECT_EQ(segment_->due_us(), 1'000'000);
  EXPECT_EQ(pump(1'000'000), Progress::kFailed);
}

// A token taken back, a ban: no further part goes out.
TEST_P(GrowingSegmentTest, IsCutOffWhenItIsNotAllowedAnyMore) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  const std::size_t before = output_.bytes.size();
  allowed_ = false;
  publisher_->groups(1);
  look();
  EXPECT_EQ(pump(), Progress::kFailed);
  EXPECT_EQ(output_.bytes.size(), before);
}

TEST_P(GrowingSegmentTest, WaitsForAPartSoLongAndNoLonger) {
  ask();
  EXPECT_EQ(pump(), Progress::kIdle);
  EXPECT_EQ(segment_->due_us(), kPatienceUs) << "the connection asks by then, whatever happens";
  EXPECT_EQ(segment_->pump(output_, kPatienceUs - 1), Progress::kIdle);
  EXPECT_EQ(segment_->pump(output_, kPatienceUs), Progress::kFailed);
}

TEST_P(GrowingSegmentTest, LeavesNobodyBehind) {
  ask();
  EXPECT_EQ(views_.watchers().size(), 1U);
  segment_.reset();
  look();
  views_.watchers().notify("s1");
  EXPECT_EQ(views_.watchers().size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Sockets, GrowingSegmentTest, ::testing::Values(1U << 20, 700U));

}  // namespace
}  // namespace millrace::packaging
