// What other people's software reads in our files.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "containers/mp4/fragment.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

class Ffprobe : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("ffprobe -version > /dev/null 2>&1") != 0) GTEST_SKIP() << "ffprobe is not installed";
    char pattern[] = "/tmp/millrace-mp4-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (directory_.empty()) return;
    std::remove(path().c_str());
    std::remove(directory_.c_str());
  }

  std::string path() const { return directory_ + "/file.mp4"; }

  // What ffprobe prints on both outputs: errors of the decoder are part of it.
  std::string probe(const Bytes& file, const std::string& options) const {
    std::ofstream(path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    const std::string command = "ffprobe -v warning -of csv=p=0 " + options + " " + path() + " 2>&1";
    FILE* const pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr)
      output += buffer.data();
    if (pipe != nullptr) pclose(pipe);
    return output;
  }

 private:
  std::string directory_;
};

TEST_F(Ffprobe, DecodesEveryFrameOfAFragmentedFile) {
  Bytes file = init_segment(std::array{test::video_track(), test::audio_track()});
  const Bytes media = test::fragments(3, 9000, 4800);
  file.insert(file.end(), media.begin(), media.end());
  EXPECT_EQ(
      probe(file,
            "-count_frames -show_entries stream=codec_name,width,height,sample_rate,channels,nb_read_frames"),
      "h264,64,64,15\naac,48000,2,27\n");
}

TEST_F(Ffprobe, SeesTheTimesOfAFragmentedFile) {
  Bytes file = init_segment(std::array{test::video_track()});
  const std::array runs = {test::video_run(0, 90'000)};
  for (const Bytes& part : {fragment_header(1, runs), test::payloads(0, 0)}) {
    file.insert(file.end(), part.begin(), part.end());
  }
  EXPECT_EQ(probe(file, "-show_entries packet=pts,dts,flags"),
            "97200,90000,K_\n108000,93600,__\n100800,97200,__\n104400,100800,__\n111600,104400,__\n");
}

TEST_F(Ffprobe, DecodesEveryFrameOfAFinishedFileInSync) {
  Bytes source = init_segment(std::array{test::video_track(), test::audio_track()});
  test::append(source, test::fragments(3, 9000, 4800));
  const auto file = test::finish_bytes(source);
  ASSERT_TRUE(file);
  EXPECT_EQ(probe(*file, "-count_frames -show_entries stream=codec_name,nb_read_frames"),
            "h264,15\naac,27\n");
  // The first picture is presented 80 ms after the first sound.
  EXPECT_EQ(probe(*file, "-select_streams a -read_intervals %+#1 -show_entries packet=pts_time"),
            "0.000000\n");
  EXPECT_EQ(probe(*file, "-select_streams v -read_intervals %+#3 -show_entries packet=pts_time,dts_time"),
            "0.080000,0.000000\n0.200000,0.040000\n0.120000,0.080000\n");
}

// The encoder changed its parameter sets between the groups, and back: one file, and nothing is lost in it.
TEST_F(Ffprobe, DecodesEveryFrameOfATrackWithTwoSampleDescriptions) {
  Track track = test::video_track();
  ASSERT_EQ(take_description(track, test::other_video_track()), 2U);
  Bytes source = init_segment(std::array{track});
  for (std::uint32_t group = 0; group < 6; ++group) {
    const std::uint64_t base = std::uint64_t{group} * 5 * test::kFrameDuration;
    const bool other = group % 2 == 1;
    const std::array runs = {other ? test::other_video_run(base, 2) : test::video_run(group, base)};
    test::append(source, fragment_header(group + 1, runs));
    test::append(source, other ? test::other_payloads() : test::payloads(group, 0));
  }
  const auto file = test::finish_bytes(source);
  ASSERT_TRUE(file);
  // A note of the parser, which has the first description's parameter sets, goes with it.
  EXPECT_TRUE(probe(*file, "-count_frames -show_entries stream=nb_read_frames").ends_with("30\n"));
}

}  // namespace
}  // namespace millrace::mp4
