// Every codec from the log into playlists, init segments and segments, and what ffprobe sees in them.
#include <gtest/gtest.h>

#include <fstream>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "media/testing/codec_stream.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

using media::test::ffprobe;

// The stream is over for good: its playlist ends.
constexpr std::int64_t kLongAfter = 65'000'000;

class CodecsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!media::test::has_ffprobe()) GTEST_SKIP() << "ffprobe is not installed";
    arena_ = make_arena(directory_.path());
    ASSERT_NE(arena_, nullptr);
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }

  // Publishes these tracks in a log of their own and packages it.
  std::shared_ptr<const StreamView> package(const std::map<std::uint8_t, std::string>& tracks) {
    publisher_.reset();
    publisher_ = std::make_unique<media::test::CodecPublisher>(*arena_, tracks);
    publisher_->publish();
    StreamPackage package("s1", {.segments = 8});
    const std::vector<media::LogInfo> logs = reader_->logs();
    StreamPackage::Update update;
    do {
      update = package.update({{{reader_, logs.back()}}}, kLongAfter);
      for (const std::string& problem : update.problems) problems_ += problem + "\n";
    } while (update.more);
    return package.view();
  }

  // As a player sees it: files of their names in a directory.
  std::string write(const StreamView& view) {
    std::string directory = directory_.path() + "/" + std::to_string(++views_);
    std::filesystem::create_directory(directory);
    const auto put = [&](const std::string& name, std::string_view bytes) {
      std::ofstream(directory + "/" + name, std::ios::binary) << bytes;
    };
    put("master.m3u8", *view.multivariant_playlist->text().text);
    for (const auto& [name, rendition] : view.renditions) {
      std::filesystem::create_directory(directory + "/" + name);
      put(name + "/index.m3u8", *rendition.playlist->text().text);
      std::string whole;
      for (const auto& [file, init] : rendition.init_segments) put(name + "/" + file, whole = *init.text);
      for (std::size_t i = 0; i < view.offered.size(); ++i) {
        if (!rendition.segments[i]) continue;
        std::string bytes;
        const auto file = view.offered[i]->file(rendition.segments[i].track);
        EXPECT_NE(file, nullptr);
        if (!file) continue;
        for (const ByteView part : file->regions) bytes += as_text(part);
        put(name + "/" + to_string(segment_name(view.offered[i]->segment())), bytes);
        whole += bytes;
      }
      put(name + ".mp4", whole);
    }
    return directory;
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::unique_ptr<media::test::CodecPublisher> publisher_;
  std::string problems_;
  int views_ = 0;
};

struct Case {
  std::map<std::uint8_t, std::string> tracks;
  const char* codecs;                // of the multivariant playlist
  std::vector<const char*> streams;  // codec, size or rate and channels, frames decoded
  std::size_t segments;
};

const Case kCases[] = {
    {{{0, "h264"}, {1, "aac"}}, "avc1.64000b,mp4a.40.2", {"h264,160,90,20", "aac,48000,2,39"}, 2},
    {{{0, "hevc"}, {1, "aac"}}, "hvc1.1.6.L30.90,mp4a.40.2", {"hevc,160,90,20", "aac,48000,2,39"}, 2},
    {{{0, "hevc_pq"}, {1, "opus"}}, "hvc1.2.4.L30.90,Opus", {"hevc,160,90,20", "opus,48000,2,41"}, 2},
    {{{0, "av1"}, {1, "opus"}}, "av01.0.00M.08,Opus", {"av1,160,90,20", "opus,48000,2,41"}, 2},
    {{{0, "vp9"}, {1, "opus"}}, "vp09.00.10.08,Opus", {"vp9,160,90,20", "opus,48000,2,41"}, 2},
    {{{0, "av1"}}, "av01.0.00M.08", {"av1,160,90,20"}, 2},
    {{{0, "h264"}, {1, "flac"}}, "avc1.64000b,fLaC", {"h264,160,90,20", "flac,48000,1,34"}, 2},
    {{{0, "h264"}, {1, "ac3"}}, "avc1.64000b,ac-3", {"h264,160,90,20", "ac3,48000,1,25"}, 2},
    {{{0, "h264"}, {1, "eac3"}}, "avc1.64000b,ec-3", {"h264,160,90,20", "eac3,48000,2,25"}, 2},
    {{{0, "h264"}, {1, "mp3"}}, "avc1.64000b,mp4a.6B", {"h264,160,90,20", "mp3,48000,1,35"}, 2},
    {{{1, "opus"}}, "Opus", {"opus,48000,2,41"}, 3},
    {{{1, "flac"}}, "fLaC", {"flac,48000,1,34"}, 2},
};

TEST_F(CodecsTest, AreRecognisedAndDecodedWhole) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.codecs);
    const auto view = package(c.tracks);
    EXPECT_EQ(problems_, "");
    ASSERT_NE(view, nullptr);
    EXPECT_EQ(view->offered.size(), c.segments);
    const std::string& master = *view->multivariant_playlist->text().text;
    EXPECT_NE(master.find("CODECS=\"" + std::string(c.codecs) + "\""), std::string::npos) << master;
    EXPECT_EQ(master.find("RESOLUTION=160x90") != std::string::npos, c.tracks.count(0) == 1) << master;
    EXPECT_EQ(master.find("FRAME-RATE=25.000") != std::string::npos, c.tracks.count(0) == 1) << master;
    const bool pq = c.tracks.count(0) == 1 && c.tracks.at(0) == "hevc_pq";
    EXPECT_EQ(master.find("VIDEO-RANGE=PQ") != std::string::npos, pq) << master;
    const std::string directory = write(*view);
    auto expected = c.streams.begin();
    for (const auto& [track, codec] : c.tracks) {
      EXPECT_EQ(ffprobe(directory + (track == media::kVideoTrack ? "/v0.mp4" : "/a0.mp4"),
                        "-count_frames -show_entries "
                        "stream=codec_name,width,height,sample_rate,channels,nb_read_frames"),
                std::string(*expected++) + "\n");
    }
    EXPECT_EQ(ffprobe(directory + "/master.m3u8", "-show_entries format=nb_streams,format_name"),
              std::to_string(c.tracks.size()) + ",hls\n");
  }
}

// x265's default: a segment that begins with a CRA is not independent, but its first picture is no inter
// picture.
TEST_F(CodecsTest, SaysOfAnOpenGopsPictureThatItDependsOnNoOther) {
  const auto view = package({{0, "hevc_open"}});
  ASSERT_NE(view, nullptr);
  ASSERT_EQ(view->offered.size(), 2U);
  for (const std::size_t number : {0U, 1U}) {
    const TrackSpan* const picture = view->offered[number]->segment().track(media::kVideoTrack);
    ASSERT_NE(picture, nullptr);
    EXPECT_EQ(picture->independent, number == 0);
    const auto file = view->offered[number]->file(media::kVideoTrack);
    ASSERT_NE(file, nullptr);
    const auto moof = mp4::find_box(file->header, {"moof"});
    ASSERT_TRUE(moof);
    const auto fragment = mp4::read_fragment(*moof);
    ASSERT_TRUE(fragment);
    const auto& samples = fragment->runs.at(0).samples;
    ASSERT_EQ(samples.size(), 10U);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      EXPECT_EQ(samples[i].key, number == 0 && i == 0) << i;
      EXPECT_EQ(samples[i].recovery, number == 1 && i == 0) << i;
    }
  }
}

}  // namespace
}  // namespace millrace::packaging
