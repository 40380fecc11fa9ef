// Each chunk says when its first sample came (prft), by the clock that the MPD has.
#include <gtest/gtest.h>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/producer_reference_time.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

struct Chunk {
  std::optional<mp4::ProducerReferenceTime> reference;
  mp4::FragmentHeader header;
};

std::vector<Chunk> chunks_of(const SegmentFile& file) {
  Bytes bytes;
  for (const ByteView region : file.regions) bytes.insert(bytes.end(), region.begin(), region.end());
  std::vector<Chunk> chunks;
  std::optional<mp4::ProducerReferenceTime> reference;
  mp4::BoxReader boxes(bytes);
  while (const auto box = boxes.next()) {
    if (box->type == mp4::four_cc("prft")) reference = mp4::read_producer_reference_time(box->payload);
    if (box->type == mp4::four_cc("moof"))
      chunks.push_back({std::exchange(reference, std::nullopt), mp4::read_fragment(box->payload).value()});
  }
  return chunks;
}

TEST(ReferenceTimes, StandBeforeEachChunkAndAreTheLogs) {
  for (const std::uint32_t part_us : {0U, 80'000U}) {
    ScratchDirectory directory;
    auto arena = make_arena(directory.path());
    const std::shared_ptr<media::ArenaReader> reader =
        media::ArenaReader::open(directory.path(), "ingest", "test").value();
    TestPublisher publisher(*arena, {.part_us = part_us});
    publisher.groups(6);
    StreamPackage package("s1", WindowPolicy{});
    package.update({sources(reader)}, 0);
    ASSERT_TRUE(package.view());
    std::size_t seen = 0;
    for (const auto& segment : package.view()->offered) {
      for (const TrackSpan& span : segment->segment().tracks) {
        const std::vector<Chunk> chunks = chunks_of(*segment->file(span.track));
        ASSERT_EQ(chunks.size(), std::max<std::size_t>(span.parts.size(), 1));
        for (const Chunk& chunk : chunks) {
          ASSERT_TRUE(chunk.reference);
          const mp4::TrackRun& run = chunk.header.runs.at(0);
          EXPECT_EQ(chunk.reference->track_id, run.track_id);
          EXPECT_EQ(chunk.reference->media_time, run.base_decode_time);
          // The stream's clock is even: a chunk is as much later as its samples are.
          const auto later_us =
              static_cast<std::int64_t>(run.base_decode_time - std::uint64_t(span.first_dts)) * 1'000'000 /
              span.timescale;
          EXPECT_NEAR(double(chunk.reference->wall - span.start_wall), double(later_us), 1'000);
          ++seen;
        }
      }
    }
    EXPECT_GE(seen, 8U);
  }
}

}  // namespace
}  // namespace millrace::packaging
