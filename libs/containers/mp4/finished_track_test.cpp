#include "containers/mp4/finished_track.hpp"

#include <gtest/gtest.h>

#include <array>

#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/finished_file.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint32_t kGroups = 7;

Bytes finished_file(std::uint64_t video_base = 9000, std::uint64_t audio_base = 4800) {
  Bytes file = init_segment(std::array{test::video_track(), test::audio_track()});
  test::append(file, test::fragments(kGroups, video_base, audio_base));
  return test::finish_bytes(file).value();
}

// The place of a box's payload, by its path through the file.
std::size_t payload_at(const Bytes& file, std::initializer_list<std::string_view> path) {
  std::size_t at = 0;
  for (const std::string_view type : path) at = as_text(file).find(type, at) + 4;
  return at;
}

void put_u32(Bytes& file, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) file.at(at + i) = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

TEST(FinishedTrack, FindsEverySampleWhereItStands) {
  const Bytes file = finished_file();
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_TRUE(tracks) << tracks.error().message;
  const auto expected = test::read_finished(file);
  ASSERT_TRUE(expected);
  ASSERT_EQ(tracks->size(), expected->size());
  std::optional<double> later_us;  // the same for all
  for (std::size_t number = 0; number < tracks->size(); ++number) {
    const FinishedTrack& track = (*tracks)[number];
    const test::FinishedTrack& other = (*expected)[number];
    EXPECT_EQ(track.track(), other.track);
    ASSERT_EQ(track.samples(), other.samples.size());
    for (std::uint32_t i = 0; i < track.samples(); ++i) {
      const test::FinishedSample& sample = other.samples[i];
      EXPECT_EQ(track.is_key(i), sample.key) << i;
      EXPECT_EQ(track.bytes_of(i, i + 1), (std::vector{FileRange{sample.offset, sample.size}})) << i;
      const TrackRun run = track.run(i, i + 1);
      EXPECT_EQ(run.samples.front().duration, sample.duration);
      EXPECT_EQ(run.samples.front().key, sample.key);
      EXPECT_EQ(static_cast<std::int64_t>(run.base_decode_time), track.decode_time(i));
      const std::int64_t presented = track.decode_time(i) + run.samples.front().composition_offset;
      EXPECT_EQ(track.presentation_time(i), presented);
      const double presented_us = static_cast<double>(presented) * 1e6 / track.track().timescale;
      if (!later_us) later_us = presented_us - static_cast<double>(test::presented_us(other, sample));
      EXPECT_NEAR(presented_us - *later_us, static_cast<double>(test::presented_us(other, sample)), 40);
      EXPECT_EQ(track.first_at(track.decode_time(i)), i);
      EXPECT_EQ(track.first_at(track.decode_time(i) + 1), i + 1);
    }
    EXPECT_EQ(track.end(), track.decode_time(track.samples() - 1) + other.samples.back().duration);
  }
}

TEST(FinishedTrack, GivesRunsOfManySamplesAndJoinsNeighbours) {
  const Bytes file = finished_file();
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_TRUE(tracks);
  for (const FinishedTrack& track : *tracks) {
    const TrackRun all = track.run(0, track.samples());
    ASSERT_EQ(all.samples.size(), track.samples());
    for (std::uint32_t i = 0; i < track.samples(); ++i)
      EXPECT_EQ(all.samples[i], track.run(i, i + 1).samples[0]);
    const std::vector<FileRange> ranges = track.bytes_of(0, track.samples());
    EXPECT_EQ(ranges.size(), kGroups) << "a chunk of each fragment";
    std::uint64_t bytes = 0;
    for (const FileRange& range : ranges) bytes += range.size;
    for (const FragmentSample& sample : all.samples) bytes -= sample.size;
    EXPECT_EQ(bytes, 0U);
    EXPECT_TRUE(track.run(3, 3).samples.empty());
    EXPECT_TRUE(track.bytes_of(3, 3).empty());
  }
}

// Tables that change at each sample and grew by doubling had up to twice the room that they need.
TEST(FinishedTrack, HasNoMoreMemoryThanItsTables) {
  constexpr std::uint32_t kSamples = 1025;
  TrackRun run{.track_id = 1, .base_decode_time = 0, .samples = {}};
  for (std::uint32_t i = 0; i < kSamples; ++i)
    run.samples.push_back({3'000 + i % 2, 1, static_cast<std::int32_t>(i % 2), true});
  Bytes file = init_segment(std::array{test::video_track()});
  test::append(file, fragment_header(1, std::span(&run, 1)));
  file.insert(file.end(), kSamples, 0);
  const Bytes finished = test::finish_bytes(file).value();
  const auto tracks = read_finished_tracks(test::memory_source(finished));
  ASSERT_TRUE(tracks);
  constexpr std::size_t kOfSample = 16 + 8 + 4;  // a run of times, one of offsets, a size
  EXPECT_LE(tracks->front().memory(), sizeof(FinishedTrack) + 1'024 + kSamples * kOfSample);
}

TEST(FinishedTrack, FindsKeyFrames) {
  const Bytes file = finished_file();
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_TRUE(tracks);
  const FinishedTrack& video = tracks->front();
  EXPECT_EQ(video.next_key(0), 0U);
  EXPECT_EQ(video.next_key(1), 5U);
  EXPECT_EQ(video.next_key(5), 5U);
  EXPECT_EQ(video.next_key(kGroups * 5 - 4), video.samples());
  EXPECT_EQ(tracks->back().next_key(4), 4U);
}

// Sound that is 100 ms late, pictures whose first is shown two frames after its decoding.
TEST(FinishedTrack, TakesEditListsIntoItsTimes) {
  const Bytes file = finished_file(0, 4800);
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_TRUE(tracks);
  const std::int64_t video_us = tracks->front().presentation_time(0) * 1'000'000 / 90'000;
  const std::int64_t audio_us = tracks->back().presentation_time(0) * 1'000'000 / 48'000;
  EXPECT_NEAR(static_cast<double>(audio_us - video_us), 100'000 - 80'000, 40);
  EXPECT_GE(tracks->front().decode_time(0), 0);
  EXPECT_GE(tracks->back().decode_time(0), 0);
}

TEST(FinishedTrack, RefusesFilesCutOffAnywhere) {
  const Bytes file = finished_file();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto tracks = read_finished_tracks(test::memory_source(ByteView(file).first(size)));
    ASSERT_FALSE(tracks) << size << " of " << file.size();
    EXPECT_TRUE(tracks.error().code.starts_with("mp4.")) << size;
  }
}

TEST(FinishedTrack, RefusesFragmentedFiles) {
  Bytes file = init_segment(std::array{test::video_track()});
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_FALSE(tracks);
  EXPECT_EQ(tracks.error().code, "mp4.moov");
}

TEST(FinishedTrack, RefusesTablesThatContradictEachOther) {
  const struct {
    const char* name;
    std::initializer_list<std::string_view> path;
    std::size_t offset;  // behind the type
    std::uint32_t value;
  } cases[] = {
      {"more sizes than there are", {"stsz"}, 8, 1'000'000},
      {"a sample beyond the file", {"stsz"}, 12, 0x00FFFFFF},
      {"no samples", {"stsz"}, 8, 0},
      {"more times than samples", {"stts"}, 8, 1'000},
      {"more entries than the table holds", {"stts"}, 4, 0xFFFFFFFF},
      {"more offsets than samples", {"ctts"}, 8, 1'000},
      {"a key frame 0", {"stss"}, 8, 0},
      {"a key frame behind the last sample", {"stss"}, 8, 10'000},
      {"key frames that go back", {"stss"}, 8, 20},
      {"runs of chunks that do not begin with the first", {"stsc"}, 8, 2},
      {"chunks of no sample", {"stsc"}, 12, 0},
      {"more samples in chunks than there are", {"stsc"}, 12, 1'000},
      {"fewer samples in chunks than there are", {"stsc"}, 12, 1},
      {"a chunk beyond the file", {"stco"}, 8, 0x7FFFFFFF},
      {"fewer chunks than runs say", {"stco"}, 4, 0},
      {"no timescale", {"mdhd"}, 12, 0},
      {"a rate of an edit that is not 1", {"elst"}, 28, 0x00020000},
  };
  for (const auto& c : cases) {
    Bytes file = finished_file();
    const std::size_t at = payload_at(file, c.path);
    put_u32(file, at + c.offset, c.value);
    const auto tracks = read_finished_tracks(test::memory_source(file));
    ASSERT_FALSE(tracks) << c.name;
    EXPECT_EQ(tracks.error().code, "mp4.tables") << c.name;
  }
}

TEST(FinishedTrack, LeavesOutTracksOfOtherCodecs) {
  Bytes file = finished_file();
  const std::size_t at = payload_at(file, {"mp4a"}) - 4;
  file[at] = 'x';
  const auto tracks = read_finished_tracks(test::memory_source(file));
  ASSERT_TRUE(tracks) << tracks.error().message;
  ASSERT_EQ(tracks->size(), 1U);
  EXPECT_EQ(tracks->front().track().type, TrackType::kVideo);
}

}  // namespace
}  // namespace millrace::mp4
