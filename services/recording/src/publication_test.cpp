// A publication whose reports find no memory: real files, a real arena.
#include "publication.hpp"

#include <gtest/gtest.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <filesystem>
#include <new>

#include "../tests/support.hpp"
#include "bus/v1/bus.pb.h"
#include "runtime/health.hpp"

namespace millrace::recording {
namespace {

class PublicationTest : public ::testing::Test {
 protected:
  PublicationTest() : arena_(test::make_arena(directory_.path())) {
    std::filesystem::create_directories(vod_);
  }

  std::unique_ptr<Publication> follow(std::uint64_t publication_id) {
    std::shared_ptr<media::ArenaReader> reader =
        std::move(*media::ArenaReader::open(directory_.path(), "ingest", "recording"));
    for (const media::LogInfo& info : reader->logs()) {
      if (info.publication_id == PublicationId{publication_id})
        return std::make_unique<Publication>(reader, info, vod_);
    }
    return nullptr;
  }
  std::uintmax_t bytes_on_disk() const {
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(vod_)) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
  }
  double failures() {
    double sum = 0;
    for (const prometheus::MetricFamily& family : reporter_.metrics().collectable()->Collect()) {
      if (family.name != "millrace_recording_failures_total") continue;
      for (const prometheus::ClientMetric& metric : family.metric) sum += metric.counter.value;
    }
    return sum;
  }

  test::ScratchDirectory directory_;
  const std::string vod_ = directory_.path() + "/vod";
  std::unique_ptr<media::ArenaWriter> arena_;
  bool no_memory_ = false;
  bool no_memory_for_ends_ = false;  // of failures
  std::shared_ptr<runtime::Health> health_ = std::make_shared<runtime::Health>();
  Reporter reporter_{health_, [this](const bus::v1::Event& event) {
                       if (no_memory_ || (no_memory_for_ends_ && event.retracted())) throw std::bad_alloc();
                     }};
  FinishQueue finish_queue_{[](const std::string&, const std::atomic<bool>&) -> Result<FinishedFile> {
                              return FinishedFile{.empty = true};
                            },
                            reporter_};
};

TEST_F(PublicationTest, WritesWhatItHasReadThoughItCannotBeReported) {
  test::Publisher publisher(*arena_, 1);
  publisher.turns(60);
  const auto publication = follow(1);
  ASSERT_TRUE(publication);
  no_memory_ = true;
  EXPECT_THROW(publication->step(monotonic_us(), reporter_, finish_queue_), std::bad_alloc);
  const std::uintmax_t before = bytes_on_disk();
  EXPECT_THROW(publication->suspend(monotonic_us(), reporter_, finish_queue_), std::bad_alloc);
  EXPECT_GT(bytes_on_disk(), before);
}

// The failure was published and counted; its end could not be, so the rest of the report is tried again.
TEST_F(PublicationTest, CountsAFailureOnceWhenTheRestOfTheReportIsTriedAgain) {
  test::Publisher publisher(*arena_, 1, false, 256U << 10);
  publisher.turns(10);
  const auto publication = follow(1);
  ASSERT_TRUE(publication);
  while (publication->step(monotonic_us(), reporter_, finish_queue_)) {
  }
  ASSERT_EQ(failures(), 0);
  publisher.turns(60'000);
  publisher.log().end(media::LogEnd::kUnpublished);
  no_memory_for_ends_ = true;
  bool thrown = false;
  for (int i = 0; i < 1000 && !thrown; ++i) {
    try {
      (void)publication->step(monotonic_us(), reporter_, finish_queue_);
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
  }
  ASSERT_TRUE(thrown);
  const double counted = failures();
  EXPECT_GT(counted, 0);
  EXPECT_THROW(publication->step(monotonic_us(), reporter_, finish_queue_), std::bad_alloc);
  EXPECT_EQ(failures(), counted);
  no_memory_for_ends_ = false;
  (void)publication->step(monotonic_us(), reporter_, finish_queue_);
  EXPECT_EQ(failures(), counted);
}

}  // namespace
}  // namespace millrace::recording
