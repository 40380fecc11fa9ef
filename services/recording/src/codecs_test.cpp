// Every codec from the log into finished recordings, and what ffprobe sees in them.
#include <gtest/gtest.h>

#include "../tests/support.hpp"
#include "finish_file.hpp"
#include "media/testing/codec_stream.hpp"
#include "recording.hpp"

namespace millrace::recording {
namespace {

using media::test::ffprobe;

class CodecsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!media::test::has_ffprobe()) GTEST_SKIP() << "ffprobe is not installed";
    arena_ = test::make_arena(scratch_.path() + "/log");
    ASSERT_NE(arena_, nullptr);
    reader_ = media::ArenaReader::open(scratch_.path() + "/log", "ingest", "recording-test").value();
  }

  // Publishes these tracks in a log of their own; the path of its recording. Empty on failure.
  std::string record(const std::map<std::uint8_t, std::string>& tracks) {
    publisher_.reset();
    publisher_ = std::make_unique<media::test::CodecPublisher>(*arena_, tracks);
    publisher_->publish();
    const std::string directory = scratch_.path() + "/vod-" + std::to_string(++recordings_);
    auto recording = Recording::open(*reader_, reader_->logs().back(), directory);
    if (!recording) return {};
    std::string path;
    for (Progress progress = recording->step(monotonic_us());; progress = recording->step(monotonic_us())) {
      for (const std::string& stem : progress.complete) {
        const std::atomic<bool> stop{false};
        if (!finish_file(directory, stem, stop)) return {};
        path = directory + "/" + stem + ".mp4";
      }
      if (progress.failure || progress.ended) break;
    }
    return path;
  }

  test::ScratchDirectory scratch_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  std::unique_ptr<media::test::CodecPublisher> publisher_;
  int recordings_ = 0;
};

struct Case {
  std::map<std::uint8_t, std::string> tracks;
  const char* streams;  // codec, tag, size or rate and channels, frames decoded
};

const Case kCases[] = {
    {{{0, "hevc"}, {1, "aac"}}, "hevc,hvc1,160,90,20\naac,mp4a,48000,2,39\n"},
    {{{0, "av1"}, {1, "opus"}}, "av1,av01,160,90,20\nopus,Opus,48000,2,41\n"},
    {{{0, "vp9"}, {1, "flac"}}, "vp9,vp09,160,90,20\nflac,fLaC,48000,1,34\n"},
    {{{0, "hevc_pq"}, {1, "ac3"}}, "hevc,hvc1,160,90,20\nac3,ac-3,48000,1,25\n"},
    {{{0, "h264"}, {1, "eac3"}}, "h264,avc1,160,90,20\neac3,ec-3,48000,2,25\n"},
    {{{0, "h264"}, {1, "mp3"}}, "h264,avc1,160,90,20\nmp3,mp4a,48000,1,35\n"},
    {{{1, "opus"}}, "opus,Opus,48000,2,41\n"},
    // Everything a publication may send at once; track 2 is data's.
    {{{0, "h264"}, {1, "aac"}, {3, "hevc"}, {4, "opus"}, {5, "av1"}, {6, "flac"}, {15, "vp9"}},
     "h264,avc1,160,90,20\naac,mp4a,48000,2,39\nhevc,hvc1,160,90,20\nopus,Opus,48000,2,41\n"
     "av1,av01,160,90,20\nflac,fLaC,48000,1,34\nvp9,vp09,160,90,20\n"},
};

TEST_F(CodecsTest, AreRecognisedAndDecodedWhole) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.streams);
    const std::string path = record(c.tracks);
    ASSERT_FALSE(path.empty());
    EXPECT_EQ(ffprobe(path,
                      "-count_frames -show_entries "
                      "stream=codec_name,codec_tag_string,width,height,sample_rate,channels,nb_read_frames"),
              c.streams);
  }
}

TEST_F(CodecsTest, KeepTheirTimes) {
  const std::string path = record({{0, "hevc"}, {1, "opus"}});
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(ffprobe(path, "-show_entries stream=codec_name,r_frame_rate,time_base,duration"),
            "hevc,25/1,1/90000,0.800000\nopus,0/0,1/48000,0.820000\n");
  // The first picture is shown 80 ms after the first sound, as the encoder had it; key frames 0.4 s apart.
  EXPECT_EQ(
      ffprobe(path, "-select_streams v -read_intervals %+#3 -show_entries packet=pts_time,dts_time,flags"),
      "0.080000,0.000000,K_\n0.120000,0.040000,__\n0.160000,0.080000,__\n");
  EXPECT_EQ(ffprobe(path, "-select_streams v -skip_frame nokey -show_entries frame=pts_time"),
            "0.080000\n0.480000\n");
  EXPECT_EQ(
      ffprobe(path, "-select_streams a -read_intervals %+#3 -show_entries packet=pts_time,duration_time"),
      "0.000000,0.020000\n0.020000,0.020000\n0.040000,0.020000\n");
}

TEST_F(CodecsTest, CanBeSoughtAtTheirKeyFrames) {
  for (const char* name : {"hevc", "av1", "vp9"}) {
    const std::string path = record({{0, name}});
    ASSERT_FALSE(path.empty());
    const std::string flags = ffprobe(path, "-show_entries packet=flags");
    std::string expected;
    for (int frame = 0; frame < 20; ++frame) expected += frame % 10 == 0 ? "K_\n" : "__\n";
    EXPECT_EQ(flags, expected) << name;
  }
}

// x265's default, one IDR picture and then a CRA a group: only the first is a sync sample, and players find
// the others all the same.
TEST_F(CodecsTest, CanBeSoughtWithAnOpenGop) {
  const std::string path = record({{0, "hevc_open"}, {1, "aac"}});
  ASSERT_FALSE(path.empty());
  const auto tracks = mp4::test::read_finished(test::read_file(path)).value();
  std::string expected;
  for (std::size_t frame = 0; frame < 20; ++frame) {
    EXPECT_EQ(tracks.at(0).samples.at(frame).key, frame == 0) << frame;
    EXPECT_EQ(tracks.at(0).samples.at(frame).recovery, frame == 10) << frame;
    expected += frame % 10 == 0 ? "K_\n" : "__\n";
  }
  EXPECT_EQ(ffprobe(path, "-select_streams v -show_entries packet=flags"), expected);
  EXPECT_EQ(ffprobe(path, "-count_frames -show_entries stream=codec_name,nb_read_frames"),
            "hevc,20\naac,39\n");
}

// The encoder changes its parameter sets every group, and the form of its AudioSpecificConfig: one file while
// it is written and when it is finished, and a decoder that follows it loses nothing.
TEST_F(CodecsTest, KeepEveryFrameOverChangesOfTheirConfiguration) {
  constexpr std::int64_t kGroups = 6;
  test::Publisher publisher(*arena_, 71, /*audio=*/false);
  mp4::Track sound = mp4::test::audio_track();
  std::array<std::uint32_t, 2> pictures{};
  std::array<std::uint32_t, 2> sounds{};
  pictures[0] = publisher.add(mp4::test::video_track(), 0, media::TrackKind::kVideo, media::Codec::kH264);
  pictures[1] =
      publisher.add(mp4::test::other_video_track(), 0, media::TrackKind::kVideo, media::Codec::kH264);
  sounds[0] = publisher.add(sound, 1, media::TrackKind::kAudio, media::Codec::kAac);
  sound.configuration = mp4::test::from_hex("119056e500");
  sounds[1] = publisher.add(sound, 1, media::TrackKind::kAudio, media::Codec::kAac);
  for (std::int64_t group = 0; group < kGroups; ++group) {
    for (std::int64_t i = 0; i < 5; ++i) {
      const auto& frames = group % 2 == 0 ? mp4::test::video_frames() : mp4::test::other_video_frames();
      publisher.append(0, pictures[group % 2], (group * 5 + i) * 3600, i == 0, monotonic_us(),
                       frames[static_cast<std::size_t>(i)].payload);
    }
    for (std::int64_t i = 0; i < 9; ++i)
      publisher.append(1, sounds[group % 2], (group * 9 + i) * 1024, true, monotonic_us(),
                       mp4::test::aac_frame());
  }
  const std::string directory = scratch_.path() + "/vod-changes";
  auto recording = std::move(Recording::open(*reader_, reader_->logs().back(), directory).value());
  recording.step(monotonic_us());
  recording.suspend(monotonic_us());
  const char* const frames = "-v error -count_frames -show_entries stream=codec_name,nb_read_frames";
  const auto parts = test::files(directory, FileState::kPart);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(ffprobe(directory + "/" + parts[0], frames), "h264,30\naac,54\n");
  publisher.log().end(media::LogEnd::kUnpublished);
  auto ended = std::move(Recording::open(*reader_, reader_->logs().back(), directory).value());
  const std::atomic<bool> stop{false};
  for (const std::string& stem : ended.step(monotonic_us()).complete)
    ASSERT_TRUE(finish_file(directory, stem, stop));
  const auto finished = test::files(directory, FileState::kFinished);
  ASSERT_EQ(finished.size(), 1U);
  const std::string path = directory + "/" + finished[0];
  EXPECT_EQ(ffprobe(path, frames), "h264,30\naac,54\n");
  const auto tracks = mp4::test::read_finished(test::read_file(path)).value();
  for (const auto& track : tracks) {
    EXPECT_EQ(mp4::sample_descriptions(track.track), 2U);
    for (std::size_t i = 0; i < track.samples.size(); ++i)
      EXPECT_EQ(track.samples[i].description, 1 + i / (track.samples.size() / kGroups) % 2);
  }
}

// Players begin with the first picture and the first sound, and offer the others instead.
TEST_F(CodecsTest, AreAlternativesOfOneAnother) {
  const std::string path = record({{0, "h264"}, {1, "aac"}, {3, "hevc"}, {4, "opus"}});
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(ffprobe(path, "-show_entries stream=codec_name:stream_disposition=default"),
            "h264,1\naac,1\nhevc,0\nopus,0\n");
}

TEST_F(CodecsTest, KeepTheirColour) {
  const std::string path = record({{0, "hevc_pq"}});
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(ffprobe(path, "-show_entries stream=pix_fmt,color_space,color_transfer,color_primaries"),
            "yuv420p10le,bt2020nc,smpte2084,bt2020\n");
}
}  // namespace
}  // namespace millrace::recording
