#include "stream_package.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

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

const std::string& list_of(const StreamView& view, std::string_view rendition) {
  return *view.rendition(rendition)->playlist->text().text;
}

Bytes bytes_of(const SegmentFile& file) {
  Bytes bytes;
  for (const ByteView part : file.regions) bytes.insert(bytes.end(), part.begin(), part.end());
  EXPECT_EQ(bytes.size(), file.size);
  return bytes;
}

// styp, prft, moof and mdat, read back.
struct ReadSegment {
  mp4::FragmentHeader header;
  Bytes payload;
};
ReadSegment read_segment(ByteView bytes) {
  mp4::BoxReader boxes(bytes);
  const auto styp = boxes.next();
  EXPECT_TRUE(styp && styp->type == mp4::four_cc("styp"));
  const auto prft = boxes.next();
  EXPECT_TRUE(prft && prft->type == mp4::four_cc("prft"));
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

// Restarted when the beginning of the stream has left the log.
TEST_F(StreamPackageTest, SaysTheSameOfAPeriodWhoseBeginningHasGone) {
  constexpr std::int64_t kLater = 200 * kSecond;
  for (const std::uint32_t part_us : {0U, 80'000U}) {
    const std::string stream = "s" + std::to_string(part_us);
    TestPublisher publisher(*arena_, {.stream_id = stream,
                                      .publication_id = PublicationId{0xA1 + part_us},
                                      .data_first = true,
                                      .part_us = part_us});
    StreamPackage seen(stream, kPolicy);
    const auto manifest = [&](StreamPackage& package, std::int64_t now_us) {
      while (package.update(logs(stream), now_us).more) {
      }
      return *package.view()->manifests.full.text;
    };
    publisher.groups(100);
    publisher.frame(0);
    const std::string before = manifest(seen, 0);
    for (int i = 0; i < 40; ++i) publisher.groups(1, kLater);
    (void)manifest(seen, kLater);
    arena_->maintain(kLater);
    ASSERT_GT(logs(stream).logs.front().info.first, 100U) << "its first records have gone";
    StreamPackage restarted(stream, kPolicy);
    const std::string after = manifest(restarted, kLater);
    const auto period = [](const std::string& text) {
      const std::size_t at = text.find("<Period ");
      return text.substr(at, text.find('>', at) - at);
    };
    EXPECT_EQ(period(after), period(before)) << after;
    EXPECT_EQ(period(after), period(manifest(seen, kLater)));
  }
}

// As the copy of a log has it: the same segments under the same names, up to where their records are.
TEST_F(StreamPackageTest, OffersTheSameOfALogWhateverItsFirstSequenceIs) {
  constexpr std::uint64_t kFirst = 1'000'000'000'000;
  const auto view_of = [this](const std::string& stream, std::uint64_t first_sequence) {
    TestPublisher publisher(*arena_, {.stream_id = stream,
                                      .publication_id = PublicationId{first_sequence + 0xA1},
                                      .data_first = true,
                                      .first_sequence = first_sequence});
    publisher.groups(3);
    publisher.frame(0);
    StreamPackage package(stream, kPolicy);
    while (package.update(logs(stream), 0).more) {
    }
    return package.view();
  };
  const auto plain = view_of("s1", 0);
  const auto copy = view_of("s2", kFirst);
  ASSERT_NE(plain, nullptr);
  ASSERT_NE(copy, nullptr);
  ASSERT_EQ(plain->offered.size(), 3U) << "the record that came before the media begins no segment";
  ASSERT_EQ(copy->offered.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const Segment& one = plain->offered[i]->segment();
    const Segment& other = copy->offered[i]->segment();
    EXPECT_EQ(one.media_sequence, other.media_sequence);
    EXPECT_EQ(one.first_record + kFirst, other.first_record);
    ASSERT_EQ(one.tracks.size(), 2U);
    ASSERT_EQ(other.tracks.size(), 2U);
    for (std::size_t track = 0; track < 2; ++track)
      EXPECT_EQ(one.tracks[track].payload_bytes, other.tracks[track].payload_bytes);
  }
}

TEST_F(StreamPackageTest, IsAsPrivateAsItsNewestPublication) {
  TestPublisher::Options options;
  StreamPackage package("s1", kPolicy);
  const auto publish = [&](bool is_private) {
    options.is_private = is_private;
    options.epoch = next(options.epoch);
    options.publication_id = PublicationId{number_of(options.publication_id) + 1};
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
    for (const auto& segment : package.view()->offered)
      offered.insert(number_of(segment->segment().publication_id));
    return offered;
  };
  EXPECT_EQ(publish(false).size(), 1U);
  EXPECT_EQ(publish(true).size(), 2U) << "for those who may watch";
  EXPECT_FALSE(publish(false).contains(number_of(options.publication_id) - 1))
      << "nothing of the private time";
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
    const auto picture = view->offered[i]->file(media::kVideoTrack);
    const auto sound = view->offered[i]->file(media::kAudioTrack);
    ASSERT_TRUE(picture && sound);
    EXPECT_EQ(view->offered[i]->file(media::kDataTrack), nullptr);
    const ReadSegment video = read_segment(bytes_of(*picture));
    const ReadSegment audio = read_segment(bytes_of(*sound));
    ASSERT_EQ(video.header.runs.size(), 1U);
    ASSERT_EQ(audio.header.runs.size(), 1U);
    EXPECT_EQ(video.header.runs[0], mp4::test::video_run(static_cast<std::uint32_t>(i), video_time));
    EXPECT_EQ(audio.header.runs[0].base_decode_time, audio_time);
    const std::size_t frames = audio.header.runs[0].samples.size();
    video_time += video.header.runs[0].samples.size() * mp4::test::kFrameDuration;
    audio_time += frames * mp4::test::kAacDuration;
    Bytes both = video.payload;
    both.insert(both.end(), audio.payload.begin(), audio.payload.end());
    EXPECT_EQ(both, mp4::test::payloads(static_cast<std::uint32_t>(i % 2), frames));
    EXPECT_TRUE(picture->intact() && sound->intact());
  }
}

TEST_F(StreamPackageTest, DescribesTheStreamInItsPlaylists) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2);
  publisher.frame(0);
  const auto view = fresh_view();
  const std::string first = std::to_string(1'800'000'000'000 / 500);
  const std::string second = std::to_string(1'800'000'000'000 / 500 + 1);
  const std::string head =
      "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:" + first +
      "\n#EXT-X-DISCONTINUITY-SEQUENCE:256\n#EXT-X-INDEPENDENT-SEGMENTS\n";
  EXPECT_EQ(list_of(*view, "v0"), head +
                                      "#EXT-X-MAP:URI=\"init-00000000000000a1-0-0.mp4\"\n"
                                      "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z\n#EXTINF:0.200,\n" +
                                      first + "-00000000000000a1-0.m4s\n" +
                                      "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.200Z\n#EXTINF:0.200,\n" +
                                      second + "-00000000000000a1-0.m4s\n");
  EXPECT_EQ(list_of(*view, "a0"),
            head +
                "#EXT-X-MAP:URI=\"init-00000000000000a1-0-1.mp4\"\n"
                "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z\n#EXTINF:0.213333,\n" +
                first + "-00000000000000a1-0.m4s\n" +
                "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.213Z\n#EXTINF:0.192,\n" + second +
                "-00000000000000a1-0.m4s\n");
  const std::string& master = *view->multivariant_playlist->text().text;
  for (const char* part : {"#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-mp4a\",NAME=\"Audio "
                           "1\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="
                           "\"2\",URI=\"a0/index.m3u8\"\n",
                           "CODECS=\"avc1.64000a,mp4a.40.2\"", "RESOLUTION=64x64", "FRAME-RATE=25.000",
                           ",AUDIO=\"audio-mp4a\",CLOSED-CAPTIONS=NONE\nv0/index.m3u8\n"}) {
    EXPECT_NE(master.find(part), std::string::npos) << part << "\n" << master;
  }
  const auto track_in = [&](std::string_view rendition, const std::string& name) {
    const StoredText& init = view->rendition(rendition)->init_segments.at(name);
    const auto moov = mp4::find_box(as_bytes(*init.text), {"moov"});
    return mp4::read_tracks(moov.value()).value();
  };
  EXPECT_EQ(track_in("v0", "init-00000000000000a1-0-0.mp4"),
            std::vector<mp4::Track>{mp4::test::video_track()});
  EXPECT_EQ(track_in("a0", "init-00000000000000a1-0-1.mp4"),
            std::vector<mp4::Track>{mp4::test::audio_track()});
}

TEST_F(StreamPackageTest, PackagesAudioOnlyAndVideoOnly) {
  TestPublisher audio(*arena_, {.video = false});
  TestPublisher video(*arena_, {.stream_id = "s2", .publication_id = PublicationId{0xA2}, .audio = false});
  audio.groups(4);
  video.groups(4);
  StreamPackage silent("s2", kPolicy);
  silent.update(logs("s2"), 0);
  const auto heard = fresh_view();
  ASSERT_TRUE(heard && silent.view());
  EXPECT_NE(heard->multivariant_playlist->text().text->find("CODECS=\"mp4a.40.2\"\na0/index.m3u8\n"),
            std::string::npos);
  EXPECT_EQ(heard->multivariant_playlist->text().text->find("EXT-X-MEDIA"), std::string::npos);
  EXPECT_NE(silent.view()->multivariant_playlist->text().text->find("\nv0/index.m3u8\n"), std::string::npos);
  EXPECT_EQ(silent.view()->multivariant_playlist->text().text->find("AUDIO"), std::string::npos);
  EXPECT_NE(heard->offered[0]->file(media::kAudioTrack), nullptr);
  EXPECT_EQ(heard->offered[0]->file(media::kVideoTrack), nullptr);
  // Who has lost the other track still finds its list.
  EXPECT_EQ(list_of(*heard, "a0").find("EXT-X-GAP"), std::string::npos);
  EXPECT_NE(list_of(*heard, "v0").find("#EXT-X-GAP\n#EXTINF:"), std::string::npos);
  EXPECT_NE(list_of(*silent.view(), "a0").find("#EXT-X-GAP\n#EXTINF:"), std::string::npos);
}

// Every list of a presentation has the same numbers, discontinuities and target duration.
void expect_in_step(const StreamView& view) {
  const auto frame = [](const std::string& list) {
    std::string kept;
    std::istringstream lines(list);
    for (std::string line; std::getline(lines, line);) {
      const bool own = line.starts_with("#EXTINF") || line.starts_with("#EXT-X-MAP") ||
                       line == "#EXT-X-GAP" || line.starts_with("#EXT-X-PROGRAM-DATE-TIME") ||
                       line == "#EXT-X-INDEPENDENT-SEGMENTS";
      if (!own) kept += line + '\n';
    }
    return kept;
  };
  for (const auto& [name, rendition] : view.renditions)
    EXPECT_EQ(frame(*rendition.playlist->text().text), frame(list_of(view, "v0"))) << name;
}

// A further sound and a further picture, as encoders with several tracks send them.
TEST_F(StreamPackageTest, OffersEveryTrackOfAPublication) {
  TestPublisher publisher(*arena_, {.further_tracks = true});
  publisher.groups(4);
  publisher.frame(0);
  const auto view = fresh_view();
  ASSERT_NE(view, nullptr);
  ASSERT_EQ(view->renditions.size(), 4U);
  expect_in_step(*view);
  const std::string& master = *view->multivariant_playlist->text().text;
  EXPECT_NE(master.find("NAME=\"Audio 1\",DEFAULT=YES"), std::string::npos) << master;
  EXPECT_NE(master.find("NAME=\"Audio 3\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a2/index.m3u8\"\n"),
            std::string::npos)
      << master;
  EXPECT_NE(master.find("\nv0/index.m3u8\n"), std::string::npos) << master;
  EXPECT_NE(master.find("\nv1/index.m3u8\n"), std::string::npos) << "another variant: " << master;
  for (const std::uint8_t track : {3, 4}) {
    const auto file = view->offered[1]->file(track);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(read_segment(bytes_of(*file)).header.runs.at(0).track_id, media::mp4_track_id(track));
  }
  EXPECT_EQ(list_of(*view, "v1").find("INDEPENDENT"), std::string::npos)
      << "the log says it of the first only";
}

TEST_F(StreamPackageTest, OffersAPictureOutOfStepAsAnAlternativeOnly) {
  TestPublisher publisher(*arena_, {.further_tracks = true, .further_picture_late_ms = 80});
  publisher.groups(4);
  publisher.frame(0);
  const std::string master = *fresh_view()->multivariant_playlist->text().text;
  EXPECT_EQ(master.find("\nv1/index.m3u8\n"), std::string::npos) << master;
  EXPECT_NE(master.find(
                "TYPE=VIDEO,GROUP-ID=\"video\",NAME=\"v1\",DEFAULT=NO,AUTOSELECT=YES,URI=\"v1/index.m3u8\""),
            std::string::npos)
      << master;
  EXPECT_NE(master.find(",VIDEO=\"video\",CLOSED-CAPTIONS=NONE\nv0/index.m3u8\n"), std::string::npos)
      << master;
}

TEST_F(StreamPackageTest, KeepsASilentTracksListInStepWithGaps) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(3);
  publisher.silence(true);
  publisher.groups(3);
  publisher.frame(0);
  const auto paused = fresh_view();
  expect_in_step(*paused);
  const std::string list = list_of(*paused, "a0");
  EXPECT_NE(list.find("#EXT-X-GAP\n#EXTINF:0.200,\n"), std::string::npos) << list;
  EXPECT_EQ(list.find("#EXT-X-MAP", list.find("#EXT-X-MAP") + 1), std::string::npos)
      << "one is enough: " << list;
  EXPECT_NE(paused->multivariant_playlist->text().text->find("a0/index.m3u8"), std::string::npos);
  publisher.groups(20);
  const auto silent = fresh_view();
  EXPECT_EQ(silent->multivariant_playlist->text().text->find("a0/index.m3u8"), std::string::npos)
      << "new viewers are not offered it";
  EXPECT_NE(list_of(*silent, "a0").find("#EXT-X-GAP"), std::string::npos) << "those there are keep its list";
  publisher.silence(false);
  publisher.groups(3);
  EXPECT_NE(fresh_view()->multivariant_playlist->text().text->find("a0/index.m3u8"), std::string::npos);
  expect_in_step(*fresh_view());
}

TEST_F(StreamPackageTest, GivesAChangedConfigurationAnInitSegmentAndADiscontinuity) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2);
  publisher.configure_video(0x0B);
  publisher.groups(2);
  publisher.frame(0);
  const std::string text = list_of(*fresh_view(), "v0");
  EXPECT_NE(text.find("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000a1-0-2.mp4\"\n"),
            std::string::npos)
      << text;
}

TEST_F(StreamPackageTest, AddsATrackThatComesLateBehindGaps) {
  TestPublisher publisher(*arena_, {.audio = false});
  publisher.groups(2);
  publisher.begin_audio();
  publisher.groups(3);
  publisher.frame(0);
  const auto view = fresh_view();
  expect_in_step(*view);
  const std::string& text = list_of(*view, "a0");
  EXPECT_LT(text.find("#EXT-X-MAP"), text.find("#EXT-X-GAP")) << "its first, also for the gaps before it";
  const std::size_t discontinuity = text.find("#EXT-X-DISCONTINUITY\n");
  ASSERT_NE(discontinuity, std::string::npos) << text;
  EXPECT_EQ(text.find("#EXT-X-GAP", discontinuity), std::string::npos) << text;
  EXPECT_NE(view->multivariant_playlist->text().text->find("a0/index.m3u8"), std::string::npos);
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
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xB2}, .epoch = Epoch{2}});
  second.groups(1);
  second.frame(0);
  package.update(logs(), 0);
  const auto after = package.view();
  ASSERT_EQ(after->offered.size(), before->offered.size() + 1);
  EXPECT_EQ(after->offered.back()->segment().publication_id, PublicationId{0xB2});
  for (const char* const rendition : {"v0", "a0"}) {
    const std::string& list = list_of(*after, rendition);
    EXPECT_NE(list.find("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-00000000000000b2-0-"), std::string::npos)
        << list;
    EXPECT_EQ(list, list_of(*fresh_view(), rendition));
  }
}

TEST_F(StreamPackageTest, OffersNewViewersTheTracksOfTheNewestPublication) {
  {
    TestPublisher first(*arena_, {});
    first.groups(3);
    first.log().end(media::LogEnd::kDisconnected);
  }
  TestPublisher second(*arena_, {.publication_id = PublicationId{0xB2}, .epoch = Epoch{2}, .audio = false});
  second.groups(1);
  second.frame(0);
  const auto view = fresh_view();
  EXPECT_EQ(view->multivariant_playlist->text().text->find("a0/index.m3u8"), std::string::npos);
  EXPECT_NE(list_of(*view, "a0").find("#EXT-X-GAP"), std::string::npos) << "for who is there already";
  expect_in_step(*view);
}

TEST_F(StreamPackageTest, ClosesThePlaylistAfterTheTimeToReconnect) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2, 5 * kSecond);
  publisher.log().end(media::LogEnd::kUnpublished);
  StreamPackage package("s1", kPolicy);
  package.update(logs(), 64 * kSecond);
  EXPECT_EQ(list_of(*package.view(), "v0").find("ENDLIST"), std::string::npos);
  EXPECT_TRUE(package.update(logs(), 65 * kSecond).changed);
  EXPECT_NE(list_of(*package.view(), "v0").find("#EXT-X-ENDLIST\n"), std::string::npos);
  for (int second = 65; second < 120; ++second) arena_->maintain(second * kSecond);
  EXPECT_TRUE(package.update(logs(), 80 * kSecond).changed) << "the MPD is static";
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
    const auto& texts = view->rendition("v0")->playlist;
    const std::string list = texts ? *texts->text().text : "";
    ended = ended || list.find("#EXT-X-ENDLIST\n") != std::string::npos;
    std::set<std::uint64_t> there;
    for (const auto& offered : view->offered) {
      const std::uint64_t number = offered->segment().media_sequence;
      if (list.find(to_string(segment_name(offered->segment()))) != std::string::npos)
        last_listed[number] = now_us;
      if (offered->file(media::kVideoTrack) != nullptr) there.insert(number);
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
    EXPECT_EQ(list_of(*fresh_view(), "v0"), list_of(*package.view(), "v0"));
    EXPECT_NE(list_of(*package.view(), "a0").find(kClaim), std::string::npos) << "sound always is";
    return list_of(*package.view(), "v0").find(kClaim) != std::string::npos;
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
  TestPublisher publisher(*arena_, {.part_us = 80'000});
  StreamPackage package("s1", kPolicy);
  publisher.groups(2);
  package.update(logs(), 0);
  for (int i = 0; i < 38; ++i) {
    publisher.groups(1);
    package.update(logs(), 0);
  }
  publisher.frame(0);
  package.update(logs(), 0);
  const auto view = package.view();
  ASSERT_EQ(view->offered.size(), 35U);  // three targets of a second, and what was listed with them lately
  const std::uint64_t first = view->offered.front()->segment().media_sequence;
  const auto presence = [&](const char* rendition, std::uint64_t publication, std::uint64_t number,
                            std::uint32_t incarnation = 0) {
    return view->presence(*view->rendition(rendition), {PublicationId{publication}, incarnation, number});
  };
  for (const char* const rendition : {"v0", "a0"}) {
    EXPECT_EQ(presence(rendition, 0xA1, first), Presence::kHere);
    EXPECT_EQ(presence(rendition, 0xA1, first + 34), Presence::kHere);
    EXPECT_EQ(presence(rendition, 0xA1, first - 1), Presence::kGone);
    EXPECT_EQ(presence(rendition, 0xA1, first + 35), Presence::kUnknown);
    EXPECT_EQ(presence(rendition, 0xA2, first), Presence::kUnknown);
    EXPECT_EQ(presence(rendition, 0xA1, first, 1), Presence::kUnknown);
    EXPECT_EQ(presence(rendition, 0xA1, UINT64_MAX), Presence::kUnknown);
  }
  EXPECT_EQ(view->rendition("v1"), nullptr);
  const RenditionView& pictures = *view->rendition("v0");
  EXPECT_EQ(pictures.presence_of_missing(PartName{PublicationId{0xA1}, 0, 1}), Presence::kGone);
  EXPECT_EQ(pictures.presence_of_missing(PartName{PublicationId{0xA1}, 0, 0}), Presence::kUnknown);
  EXPECT_EQ(pictures.presence_of_missing(*pictures.next_part), Presence::kUnknown);
  EXPECT_EQ(pictures.presence_of_missing(InitName{PublicationId{0xA1}, 0, 9}), Presence::kUnknown);
  EXPECT_EQ(fresh_view()->presence(*fresh_view()->rendition("v0"), {PublicationId{0xA1}, 0, first - 1}),
            Presence::kUnknown)
      << "before it started";
}

// Packaging may die and come back after any record: names, numbers and bytes are those of the one that never
// died.
TEST_F(StreamPackageTest, GivesTheSameNumbersAndBytesAfterEveryRestart) {
  TestPublisher publisher(*arena_, {.further_tracks = true});
  StreamPackage steady("s1", kPolicy);
  std::map<std::string, Bytes> seen;
  for (int frame = 0; frame < 60; ++frame) {
    if (frame == 23) publisher.configure_video(0x0B);
    publisher.frame(0);
    steady.update(logs(), 0);
    const auto restarted = fresh_view();
    ASSERT_EQ(restarted == nullptr, steady.view() == nullptr);
    if (!restarted) continue;
    ASSERT_EQ(*restarted->multivariant_playlist->text().text,
              *steady.view()->multivariant_playlist->text().text);
    for (const char* const rendition : {"v0", "a0", "v1", "a2"})
      ASSERT_EQ(list_of(*restarted, rendition), list_of(*steady.view(), rendition));
    for (const auto& offered : restarted->offered) {
      for (const std::uint8_t track : {0, 1, 3, 4}) {
        const auto file = offered->file(track);
        if (!file) continue;
        const auto [known, is_new] = seen.emplace(std::to_string(track) + offered->etag(), bytes_of(*file));
        ASSERT_EQ(known->second, bytes_of(*file));
      }
    }
    for (const auto& [name, rendition] : restarted->renditions) {
      for (const auto& [file, init] : rendition.init_segments)
        EXPECT_EQ(*init.text, *steady.view()->rendition(name)->init_segments.at(file).text);
    }
  }
  EXPECT_EQ(seen.size(), 44U) << "the change of configuration began a segment between two key frames";
}

// The log may recycle what is listed only when it must; then the segment is gone, never wrong.
TEST_F(StreamPackageTest, NeverGivesBytesOfARecycledSegment) {
  TestPublisher publisher(*arena_,
                          {.retention = {.keep_us = 0, .pinned_limit_us = 0, .guaranteed_bytes = 1U << 20}});
  publisher.groups(2);
  publisher.frame(0);
  const auto view = fresh_view();
  const auto file = view->offered.front()->file(media::kVideoTrack);
  ASSERT_NE(file, nullptr);
  ASSERT_TRUE(file->intact());
  for (int round = 1; round < 3000 && file->intact(); ++round) {
    publisher.groups(20, round * kSecond);
    arena_->maintain(round * kSecond);
  }
  EXPECT_FALSE(file->intact());
  EXPECT_EQ(view->offered.front()->file(media::kVideoTrack), nullptr);
  EXPECT_EQ(view->offered.front()->file(media::kAudioTrack), nullptr);
}

TEST_F(StreamPackageTest, HoldsTheWindowAndAsMuchAgainInTheLog) {
  TestPublisher publisher(*arena_, {.retention = {.keep_us = 0, .guaranteed_bytes = 1U << 20}});
  StreamPackage package("s1", kPolicy);
  for (int round = 0; round < 400; ++round) {
    publisher.groups(1, round * kSecond / 5);
    package.update(logs(), 0);
    arena_->maintain(round * kSecond / 5);
    if (!package.view()) continue;
    for (const auto& offered : package.view()->offered)
      ASSERT_NE(offered->file(media::kVideoTrack), nullptr) << round;
  }
  EXPECT_EQ(package.view()->offered.size(), 35U);
  EXPECT_GT(logs().logs.front().info.first, 0U) << "the past before the window was recycled";
}

TEST_F(StreamPackageTest, PlaysInFfprobe) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(4);
  publisher.frame(0);
  const auto view = fresh_view();
  const auto frames = [&](const std::string& rendition, std::uint8_t track) {
    const std::string path = directory_.path() + '/' + rendition + ".mp4";
    {
      std::ofstream file(path, std::ios::binary);
      file << *view->rendition(rendition)->init_segments.begin()->second.text;
      for (const auto& offered : view->offered) file << as_text(bytes_of(*offered->file(track)));
    }
    const std::string command =
        "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 " + path + " 2>&1";
    FILE* output = ::popen(command.c_str(), "r");
    std::array<char, 256> text{};
    const std::size_t size = output ? std::fread(text.data(), 1, text.size() - 1, output) : 0;
    const int status = output ? ::pclose(output) : -1;
    return WEXITSTATUS(status) == 127 ? "none" : std::string(text.data(), size);
  };
  if (frames("v0", media::kVideoTrack) == "none") GTEST_SKIP() << "no ffprobe here";
  EXPECT_EQ(frames("v0", media::kVideoTrack), "20\n");
  EXPECT_EQ(frames("a0", media::kAudioTrack), "38\n");
}

TEST_F(StreamPackageTest, SaysTheSameForDashAfterARestart) {
  TestPublisher publisher(*arena_, {});
  publisher.groups(2);
  publisher.frame(0);
  EXPECT_EQ(fresh_view()->manifests.full.text, nullptr) << "before the third segment";
  publisher.groups(6);
  StreamPackage package("s1", kPolicy);
  package.update(logs(), 0);
  ASSERT_NE(package.view()->manifests.full.text, nullptr);
  EXPECT_EQ(*package.view()->manifests.full.text, *fresh_view()->manifests.full.text);
}

}  // namespace
}  // namespace millrace::packaging
