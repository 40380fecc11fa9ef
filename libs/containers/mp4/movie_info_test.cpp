#include "containers/mp4/movie_info.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

using test::append;
using test::memory_source;

Bytes fragmented_file(std::uint32_t groups) {
  Bytes file = init_segment(std::array{test::video_track(), test::audio_track()});
  append(file, test::fragments(groups, 9000, 4800));
  return file;
}

void append_box(Bytes& to, std::string_view type, const Bytes& payload) {
  ByteWriter writer;
  writer.u32(static_cast<std::uint32_t>(payload.size() + 8));
  writer.text(type);
  writer.append(payload);
  append(to, Bytes(writer.view().begin(), writer.view().end()));
}

Bytes box(std::string_view type, const Bytes& payload) {
  Bytes bytes;
  append_box(bytes, type, payload);
  return bytes;
}

// The core's rate and channels are half of what is heard.
TEST(MovieInfo, TellsSoundAsItIsHeard) {
  const struct {
    const char* configuration;
    std::uint32_t timescale, entry_rate, channels;  // of the track
    std::uint32_t heard_rate, heard_channels;
  } cases[] = {
      {"1190", 48'000, 48'000, 2, 48'000, 2},
      {"2b118800", 24'000, 24'000, 2, 48'000, 2},        // HE-AAC
      {"eb098800", 24'000, 24'000, 1, 48'000, 2},        // HE-AAC v2
      {"131056e59d4880", 24'000, 24'000, 2, 48'000, 2},  // the same signalled behind the core's
      {"1010", 96'000, 0, 2, 96'000, 2},                 // more than the sample entry can hold
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.configuration);
    Track track = test::audio_track();
    track.timescale = c.timescale;
    track.sample_rate = c.entry_rate;
    track.channels = c.channels;
    track.configuration = test::from_hex(c.configuration);
    Bytes source = init_segment(std::array{track});
    append(source, fragment_header(1, std::array{test::audio_run(0, 9)}));
    for (int i = 0; i < 9; ++i) append(source, test::aac_frame());
    const Bytes file = *test::finish_bytes(source);
    const auto info = read_movie_info(memory_source(file));
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_EQ(info->tracks.size(), 1U);
    EXPECT_EQ(info->tracks[0].sample_rate, c.heard_rate);
    EXPECT_EQ(info->tracks[0].channels, c.heard_channels);
  }
}

TEST(MovieInfo, TellsWhatAFinishedFileHas) {
  constexpr std::uint32_t kGroups = 7;
  const Bytes file = *test::finish_bytes(fragmented_file(kGroups));
  const auto info = read_movie_info(memory_source(file));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_FALSE(info->fragmented);
  ASSERT_EQ(info->tracks.size(), 2U);
  const TrackInfo& video = info->tracks[0];
  EXPECT_EQ(video.track.codec, Codec::kAvc);
  EXPECT_EQ(video.track.width, test::video_track().width);
  EXPECT_EQ(video.track.height, test::video_track().height);
  EXPECT_EQ(video.samples, kGroups * 5U);
  EXPECT_EQ(video.duration, std::uint64_t{kGroups} * 5 * test::kFrameDuration);
  EXPECT_NEAR(video.samples_a_second, 90'000.0 / test::kFrameDuration, 0.01);
  EXPECT_EQ(video.codec.substr(0, 5), "avc1.");
  const TrackInfo& audio = info->tracks[1];
  EXPECT_EQ(audio.codec, "mp4a.40.2");
  EXPECT_EQ(audio.track.sample_rate, 48'000U);
  EXPECT_EQ(audio.samples, std::uint64_t{kGroups} * test::kAudioPerGroup);
  EXPECT_NEAR(static_cast<double>(info->duration_us) / 1e6, static_cast<double>(video.duration) / 90'000,
              0.1);
}

TEST(MovieInfo, KnowsAFragmentedFile) {
  const Bytes file = fragmented_file(2);
  const auto info = read_movie_info(memory_source(file));
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->fragmented);
  EXPECT_EQ(info->tracks.size(), 2U);
}

TEST(MovieInfo, EveryTruncationIsAnAnswer) {
  const Bytes file = *test::finish_bytes(fragmented_file(2));
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto info = read_movie_info(memory_source(ByteView(file).first(size)));
    if (!info) {
      EXPECT_EQ(info.error().code, "mp4.moov") << size;
    }
  }
}

TEST(MovieInfo, DamagedFilesAreRefusedWithinBounds) {
  Bytes many = box("ftyp", {});
  for (std::size_t i = 0; i <= kMaxInfoBoxes; ++i) append_box(many, "free", {});
  append_box(many, "moov", {});
  Bytes wide_stsd = box("stsd", Bytes(kMaxInfoBox + 1));
  const Bytes table = box("moov", box("trak", box("mdia", box("minf", box("stbl", wide_stsd)))));
  const Bytes short_mvhd = box("moov", box("mvhd", Bytes(11)));
  struct Case {
    std::string_view what;
    const Bytes& file;
  };
  const Bytes empty;
  const Bytes text(100, 'x');
  const Bytes no_moov = box("mdat", Bytes(50));
  for (const Case& c :
       {Case{"many boxes", many}, Case{"a large stsd", table}, Case{"a short mvhd", short_mvhd},
        Case{"empty", empty}, Case{"text", text}, Case{"no moov", no_moov}}) {
    const auto info = read_movie_info(memory_source(c.file));
    ASSERT_FALSE(info) << c.what;
    EXPECT_EQ(info.error().code, "mp4.moov") << c.what;
  }
  // Time without a timescale, and tracks that are not whole, are left out.
  Bytes mvhd(32);
  mvhd[16] = 0xFF;
  Bytes moov = box("mvhd", mvhd);
  append_box(moov, "trak", {});
  append_box(moov, "trak", box("mdia", box("minf", {})));
  const Bytes file = box("moov", moov);
  const auto info = read_movie_info(memory_source(file));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->duration_us, 0U);
  EXPECT_TRUE(info->tracks.empty());
}

TEST(MovieInfo, PassesTheSourcesErrorOn) {
  const FileSource broken{
      100, [](std::uint64_t, std::span<std::uint8_t>) -> Result<void> { return fail("test.disk"); }};
  EXPECT_EQ(read_movie_info(broken).error().code, "test.disk");
}

}  // namespace
}  // namespace millrace::mp4
