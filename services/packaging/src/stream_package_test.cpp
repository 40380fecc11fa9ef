#include "stream_package.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <set>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/fragment.hpp"
#include "containers/mp4/init_segment.hpp"
#include "test_publisher.hpp"

namespace millrace::packaging {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
const WindowPolicy kPolicy{.segments = 4};

class StreamPackageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(directory_.path());
    ASSERT_NE(arena_, nullptr);
    reader_ = media::ArenaReader::open(directory_.path(), "ingest", "test").value();
  }

  StreamLogs logs(const std::string& stream = "s1") { return {sources(reader_, stream)}; }
  // Everything there is, read by a package of its own.
  std::shared_ptr<const StreamView> fresh_view(std::int64_t now_us = 0) {
    StreamPackage package("s1", kPolicy);
    while (package.update(logs(), now_us).more) {
    }
    return package.view();
  }

  ScratchDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
};

Bytes bytes_of(const SegmentFile& file) {
  Bytes bytes;
  for (const ByteView part : file.parts) bytes.insert(bytes.end(), part.begin(), part.end());
  EXPECT_EQ(bytes.size(), file.size);
  return bytes;
}

// moof and mdat, read back.
struct ReadSegment {
  mp4::FragmentHeader header;
  Bytes payload;
};
ReadSegment read_segment(ByteView bytes) {
  mp4::BoxReader boxes(bytes);
  const auto moof = boxes.next();
  const auto mdat = boxes.next();
  EXPECT_TRUE(moof && mdat && boxes.ok());
  EXPECT_FALSE(boxes.next());
  return {mp4::read_fragment(moof->payload).value(), {mdat->payload.begin(), mdat->payload.end()}};
}

TEST_F(StreamPackageTest, OffersNothingBeforeTheFirstWholeSegment) {
  EXPECT_EQ(fresh_view(), nullptr);
  TestPublisher publisher(*arena_, {});
  publisher.groups(1);
  EXPECT_EQ(fresh_view(), nullptr);
  publisher.frame(0);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->offered.size(), 1U);
}

TEST_F(StreamPackageTest, IsAsPrivateAsItsNewestPublication) {
  TestPublisher::Options options;
  StreamPackage package("s1", kPolicy);
  const auto publish = [&](bool is_private) {
    options.is_private = is_private;
    ++options.epoch;
    ++options.publication_id;
    TestPublisher publisher(*arena_, options);
    publisher.groups(2);
    publisher.frame(0);
    while (package.update(logs(), 0).more) {
    }
    publisher.log().end(media::LogEnd::kTakenOver);
    EXPECT_EQ(is_private, packaging::is_private(logs()));
    EXPECT_EQ(is_private, package.view()->is_private);
    EXPECT_EQ(is_private, fresh_view()->is_private);
    std::set<std::uint64_t> offered;
    for (const auto& segment : package.view()->offered) offered.insert(segment->segment().publication_id);
    return offered;
  };
  EXPECT_EQ(publish(false).size(), 1U);
  EXPECT_EQ(publish(true).size(), 2U) << "for those who may watch";
  EXPECT_FALSE(publish(false).contains(options.publication_id - 1)) << "nothing of the private time";
}

TEST_F(StreamPackageTest, PutsEverySampleIntoASegmentAsItIsInTheLog) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  publisher.frame(0);
  const auto view = fresh_view();
  ASSERT_EQ(view->offered.size(), 3U);
  std::uint64_t video_time = 0;
  std::uint64_t audio_time = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto file = view->offered[i]->file();
    ASSERT_NE(file, nullptr);
    const ReadSegment segment = read_segment(bytes_of(*file));
    ASSERT_EQ(segment.header.runs.size(), 2U);
    const mp4::TrackRun& video = segment.header.runs[0];
    const mp4::TrackRun& audio = segment.header.runs[1];
    EXPECT_EQ(video, mp4::test::video_run(static_cast<std::uint32_t>(i), video_time));
    EXPECT_EQ(audio.base_decode_time, audio_time);
    video_time += video.samples.size() * mp4::test::kFrameDuration;
    audio_time += audio.samples.size() * mp4::test::kAacDuration;
    EXPECT_EQ(segment.payload, mp4::test::payloads(static_cast<std::uint32_t>(i % 2), audio.samples.size()));
    EXPECT_TRUE(file->intact());
  }
}

TEST_F(StreamPackageTest, DescribesTheStreamInBothPlaylists) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2);
  publisher.frame(0);
  const auto view = fresh_view();
  const std::string first = std::to_string(1'800'000'000'000 / 500);
  EXPECT_EQ(*view->media_playlist.text,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:" + first +
                "\n#EXT-X-DISCONTINUITY-SEQUENCE:256\n#EXT-X-INDEPENDENT-SEGMENTS\n"
                "#EXT-X-MAP:URI=\"init-00000000000000a1-0-1.mp4\"\n"
                "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z\n#EXTINF:0.200,\n" +
                first +
                "-00000000000000a1.m4s\n#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.200Z\n#EXTINF:0.200,\n" +
                std::to_string(1'800'000'000'000 / 500 + 1) + "-00000000000000a1.m4s\n");
  const std::string& master = *view->multivariant_playlist.text;
  for (const char* part :
       {"CODECS=\"avc1.64000a,mp4a.40.2\"", "RESOLUTION=64x64", "FRAME-RATE=25.000", "\nindex.m3u8\n"}) {
    EXPECT_NE(master.find(part), std::string::npos) << part << "\n" << master;
  }
  const auto init = view->init_segments.at("init-00000000000000a1-0-1.mp4");
  const auto moov = mp4::find_box(as_bytes(*init.text), {"moov"});
  ASSERT_TRUE(moov);
  EXPECT_EQ(mp4::read_tracks(*moov).value(),
            (std::vector<mp4::Track>{mp4::test::video_track(), mp4::test::audio_track()}));
}

TEST_F(StreamPackageTest, PackagesAudioOnlyAndVideoOnly) {
  TestPublisher audio(*arena_, {.video = false});
  TestPublisher video(*arena_, {.stream_id = "s2", .publication_id = 0xA2, .audio = false});
  audio.groups(4);
  video.groups(4);
  StreamPackage silent("s2", kPolicy);
  silent.update(logs("s2"), 0);
  const auto heard = fresh_view();
  ASSERT_TRUE(heard && silent.view());
  EXPECT_TRUE(heard->init_segments.contains("init-00000000000000a1-x-0.mp4"));
  EXPECT_TRUE(silent.view()->init_segments.contains("init-00000000000000a2-0-x.mp4"));
  EXPECT_NE(heard->multivariant_playlist.text->find("CODECS=\"mp4a.40.2\"\n"), std::string::npos);
  for (const auto& view : {heard, silent.view()}) {
    EXPECT_EQ(read_segment(bytes_of(*view->offered[0]->file())).header.runs.size(), 1U);
  }
}

TEST_F(StreamPackageTest, GivesAChangedConfigurationAnInitSegmentAndADiscontinuity) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2);
  publisher.configure_video(0x0B);
  publisher.groups(2);
  publisher.frame(0);
  const std::string text = *fresh_view()->media_playlist.text;
  EXPECT_NE(text.find("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000a1-2-1.mp4\"\n"),
            std::string::npos)
      << text;
}

TEST_F(StreamPackageTest, AddsATrackThatComesLateWithADiscontinuity) {
  TestPublisher publisher(*arena_, {.audio = false});
  publisher.groups(2);
  publisher.begin_audio();
  publisher.groups(3);
  publisher.frame(0);
  const auto view = fresh_view();
  const std::string& text = *view->media_playlist.text;
  const std::size_t silent = text.find("init-00000000000000a1-0-x.mp4");
  const std::size_t heard =
      text.find("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000a1-0-1.mp4\"\n");
  ASSERT_TRUE(silent != std::string::npos && heard != std::string::npos) << text;
  EXPECT_LT(silent, heard);
  EXPECT_EQ(view->init_segments.size(), 2U);
}

TEST_F(StreamPackageTest, JoinsAPublicationThatComesBack) {
  {
    TestPublisher first(*arena_, {});
    first.groups(2);
    first.log().end(media::LogEnd::kDisconnected);
  }
  StreamPackage package("s1", kPolicy);
  package.update(logs(), 0);
  const auto before = package.view();
  TestPublisher second(*arena_, {.publication_id = 0xB2, .epoch = 2});
  second.groups(1);
  second.frame(0);
  package.update(logs(), 0);
  const auto after = package.view();
  ASSERT_EQ(after->offered.size(), before->offered.size() + 1);
  EXPECT_EQ(after->offered.back()->segment().publication_id, 0xB2U);
  EXPECT_NE(after->media_playlist.text->find(
                "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000b2-0-1.mp4\"\n"),
            std::string::npos)
      << *after->media_playlist.text;
  EXPECT_EQ(*after->media_playlist.text, *fresh_view()->media_playlist.text);
}

TEST_F(StreamPackageTest, ClosesThePlaylistAfterTheTimeToReconnect) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2, 5 * kSecond);
  publisher.log().end(media::LogEnd::kUnpublished);
  StreamPackage package("s1", kPolicy);
  package.update(logs(), 64 * kSecond);
  EXPECT_EQ(package.view()->media_playlist.text->find("ENDLIST"), std::string::npos);
  EXPECT_TRUE(package.update(logs(), 65 * kSecond).changed);
  EXPECT_NE(package.view()->media_playlist.text->find("#EXT-X-ENDLIST\n"), std::string::npos);
  for (int second = 65; second < 120; ++second) arena_->maintain(second * kSecond);
  EXPECT_FALSE(package.update(logs(), 120 * kSecond).changed)
      << "the closed list stays for those who still watch";
}

// An ended list gets shorter, and goes at last: each segment can be had for as long as the list lasts that
// had it.
TEST_F(StreamPackageTest, KeepsSegmentsLongerThanTheListOfAnEndedStream) {
  constexpr std::int64_t kListUs = 3 * kSecond;
  TestPublisher publisher(*arena_, {});
  for (int group = 0; group < 40; ++group) publisher.groups(1, group * kSecond / 5);
  publisher.log().end(media::LogEnd::kUnpublished);
  StreamPackage package("s1", kPolicy);
  std::map<std::uint64_t, std::int64_t> last_listed;  // by media sequence
  bool ended = false;
  std::int64_t now_us = 8 * kSecond;
  for (; now_us < 300 * kSecond; now_us += kSecond / 4) {
    arena_->maintain(now_us);
    package.update(logs(), now_us);
    const auto view = package.view();
    if (!view) break;
    const std::string list = view->media_playlist.text ? *view->media_playlist.text : "";
    ended = ended || list.find("#EXT-X-ENDLIST\n") != std::string::npos;
    std::set<std::uint64_t> there;
    for (const auto& offered : view->offered) {
      const std::uint64_t number = offered->segment().media_sequence;
      if (list.find(to_string(segment_name(offered->segment()))) != std::string::npos)
        last_listed[number] = now_us;
      if (offered->file() != nullptr) there.insert(number);
    }
    for (const auto& [number, when_us] : last_listed)
      ASSERT_TRUE(now_us - when_us > kListUs || there.contains(number)) << number << " at " << now_us;
  }
  EXPECT_TRUE(ended);
  EXPECT_GE(last_listed.size(), 15U);
  EXPECT_GT(now_us, 100 * kSecond);
  EXPECT_LT(now_us, 300 * kSecond);
}

// A change of configuration in mid-group begins a segment that is not independent: the list stops claiming
// that all are, and does not begin again when that one has left it.
TEST_F(StreamPackageTest, ClaimsIndependenceUntilASegmentHasNone) {
  constexpr const char* kClaim = "#EXT-X-INDEPENDENT-SEGMENTS\n";
  TestPublisher publisher(*arena_, {.retention = {.keep_us = 0, .guaranteed_bytes = 1U << 20}});
  StreamPackage package("s1", kPolicy);
  std::int64_t now_us = 0;
  const auto claims = [&] {
    package.update(logs(), 0);
    EXPECT_EQ(*fresh_view()->media_playlist.text, *package.view()->media_playlist.text);
    return package.view()->media_playlist.text->find(kClaim) != std::string::npos;
  };
  publisher.groups(3);
  EXPECT_TRUE(claims());
  publisher.frame(0);
  publisher.frame(0);
  publisher.configure_video(0x0B);
  publisher.frame(0);
  EXPECT_TRUE(claims()) << "the segment that is not independent is not in the list yet";
  publisher.groups(2);
  EXPECT_FALSE(claims());
  const std::uint64_t dependent = logs().logs.front().info.committed;
  for (int i = 0; i < 100; ++i) {
    publisher.groups(1, now_us += kSecond / 5);
    EXPECT_FALSE(claims());
    arena_->maintain(now_us);
  }
  EXPECT_GT(logs().logs.front().info.first, dependent) << "also for who has never seen that segment";
}

TEST_F(StreamPackageTest, TellsWhetherSomethingIsHereWasHereOrNeverWas) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(40);
  publisher.frame(0);
  const auto view = fresh_view();
  ASSERT_EQ(view->offered.size(), 35U);  // three targets of a second, and what was listed with them lately
  const std::uint64_t first = view->offered.front()->segment().media_sequence;
  EXPECT_EQ(view->presence({0xA1, first}), Presence::kHere);
  EXPECT_EQ(view->presence({0xA1, first + 34}), Presence::kHere);
  EXPECT_EQ(view->presence({0xA1, first - 1}), Presence::kGone);
  EXPECT_EQ(view->presence({0xA1, first + 35}), Presence::kUnknown);
  EXPECT_EQ(view->presence({0xA2, first}), Presence::kUnknown);
  EXPECT_EQ(view->presence({0xA1, UINT64_MAX}), Presence::kUnknown);
  EXPECT_EQ(view->presence_of_missing({0xA1, {9, 9}}), Presence::kGone);
  EXPECT_EQ(view->presence_of_missing({0xA2, {0, 1}}), Presence::kUnknown);
}

// Packaging may die and come back after any record: names, numbers and bytes are those of the one that never
// died.
TEST_F(StreamPackageTest, GivesTheSameNumbersAndBytesAfterEveryRestart) {
  TestPublisher publisher(*arena_, {});
  StreamPackage steady("s1", kPolicy);
  std::map<std::string, Bytes> seen;
  for (int frame = 0; frame < 60; ++frame) {
    if (frame == 23) publisher.configure_video(0x0B);
    publisher.frame(0);
    steady.update(logs(), 0);
    const auto restarted = fresh_view();
    ASSERT_EQ(restarted == nullptr, steady.view() == nullptr);
    if (!restarted) continue;
    ASSERT_EQ(*restarted->media_playlist.text, *steady.view()->media_playlist.text);
    for (const auto& offered : restarted->offered) {
      const Bytes bytes = bytes_of(*offered->file());
      const auto [known, is_new] = seen.emplace(offered->etag(), bytes);
      ASSERT_EQ(known->second, bytes);
    }
    for (const auto& [name, init] : restarted->init_segments) {
      EXPECT_EQ(*init.text, *steady.view()->init_segments.at(name).text);
    }
  }
  EXPECT_EQ(seen.size(), 11U) << "the change of configuration began a segment between two key frames";
}

// The log may recycle what is listed only when it must; then the segment is gone, never wrong.
TEST_F(StreamPackageTest, NeverGivesBytesOfARecycledSegment) {
  TestPublisher publisher(*arena_,
                          {.retention = {.keep_us = 0, .pinned_limit_us = 0, .guaranteed_bytes = 1U << 20}});
  publisher.groups(2);
  publisher.frame(0);
  const auto view = fresh_view();
  const auto file = view->offered.front()->file();
  ASSERT_NE(file, nullptr);
  ASSERT_TRUE(file->intact());
  for (int round = 1; round < 3000 && file->intact(); ++round) {
    publisher.groups(20, round * kSecond);
    arena_->maintain(round * kSecond);
  }
  EXPECT_FALSE(file->intact());
  EXPECT_EQ(view->offered.front()->file(), nullptr);
}

TEST_F(StreamPackageTest, HoldsTheWindowAndAsMuchAgainInTheLog) {
  TestPublisher publisher(*arena_, {.retention = {.keep_us = 0, .guaranteed_bytes = 1U << 20}});
  StreamPackage package("s1", kPolicy);
  for (int round = 0; round < 400; ++round) {
    publisher.groups(1, round * kSecond / 5);
    package.update(logs(), 0);
    arena_->maintain(round * kSecond / 5);
    if (!package.view()) continue;
    for (const auto& offered : package.view()->offered) ASSERT_NE(offered->file(), nullptr) << round;
  }
  EXPECT_EQ(package.view()->offered.size(), 35U);
  EXPECT_GT(logs().logs.front().info.first, 0U) << "the past before the window was recycled";
}

TEST_F(StreamPackageTest, PlaysInFfprobe) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  publisher.frame(0);
  const auto view = fresh_view();
  const std::string path = directory_.path() + "/stream.mp4";
  {
    std::ofstream file(path, std::ios::binary);
    file << *view->init_segments.begin()->second.text;
    for (const auto& offered : view->offered) file << as_text(bytes_of(*offered->file()));
  }
  const std::string command =
      "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 " + path + " 2>&1";
  FILE* output = ::popen(command.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::array<char, 256> text{};
  const std::size_t size = std::fread(text.data(), 1, text.size() - 1, output);
  const int status = ::pclose(output);
  if (WEXITSTATUS(status) == 127) GTEST_SKIP() << "no ffprobe here";
  EXPECT_EQ(std::string(text.data(), size), "20\n38\n");
}

}  // namespace
}  // namespace millrace::packaging
