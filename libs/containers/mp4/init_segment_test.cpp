#include "containers/mp4/init_segment.hpp"

#include <gtest/gtest.h>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

ByteView moov_of(const Bytes& segment) {
  const auto moov = find_box(segment, {"moov"});
  return moov ? *moov : ByteView{};
}

TEST(InitSegment, HoldsItsTracks) {
  const Track video = test::video_track();
  const Track audio = test::audio_track();
  Track long_audio = audio;
  long_audio.configuration.resize(300, 7);  // a descriptor size of two bytes
  Track fast_audio = audio;
  fast_audio.timescale = fast_audio.sample_rate = 96'000;  // does not fit into 16.16
  const std::vector<Track> cases[] = {{video}, {audio}, {video, audio}, {video, long_audio}};
  for (const auto& tracks : cases) {
    const auto read = read_tracks(moov_of(init_segment(tracks)));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, tracks);
  }
  const auto fast = read_tracks(moov_of(init_segment(std::vector{fast_audio})));
  ASSERT_TRUE(fast);
  EXPECT_EQ(fast->front().timescale, 96'000U);
  EXPECT_EQ(fast->front().sample_rate, 0U);
}

TEST(InitSegment, HoldsEveryCodec) {
  const Track video = test::video_track();
  const Track audio = test::audio_track();
  const struct {
    Codec codec;
    const char* entry;
    const char* box;
    const char* configuration;
  } cases[] = {
      {Codec::kAvc, "avc1", "avcC", "0164000affe100"},
      {Codec::kHevc, "hvc1", "hvcC", "01016000"},
      {Codec::kAv1, "av01", "av1C", "81000c00"},
      {Codec::kVp9, "vp09", "vpcC", "01000000000a820202020000"},
      {Codec::kAac, "mp4a", "esds", "1190"},
      {Codec::kOpus, "Opus", "dOps", "000201380000bb80000000"},
      {Codec::kFlac, "fLaC", "dfLa", "00000000800000221200120000041a0004ff0bb80170"},
      {Codec::kAc3, "ac-3", "dac3", "1010c0"},
      {Codec::kEac3, "ec-3", "dec3", "0300200400"},
      {Codec::kMp3, "mp4a", "esds", "6b"},
      {Codec::kMp3, "mp4a", "esds", "69"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.entry);
    Track track = c.codec < Codec::kAac ? video : audio;
    track.codec = c.codec;
    track.configuration = test::from_hex(c.configuration);
    if (c.codec == Codec::kHevc) {
      track.colour = codecs::Colour{9, 16, 9, true};
      track.hdr.mastering = codecs::MasteringDisplay{{1, 2, 3, 4, 5, 6, 7, 8}, 10'000'000, 50};
      track.hdr.light = codecs::ContentLight{1000, 400};
    }
    if (c.codec == Codec::kAac) track.language = "fra";
    if (c.codec == Codec::kOpus) track.name = "Kommentar";
    const Bytes segment = init_segment(std::vector{track});
    const auto read = read_tracks(moov_of(segment));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, std::vector{track});
    const auto stsd = find_box(segment, {"moov", "trak", "mdia", "minf", "stbl", "stsd"});
    ASSERT_TRUE(stsd);
    EXPECT_EQ(as_text(stsd->subspan(12, 4)), c.entry);
    EXPECT_NE(as_text(*stsd).find(c.box), std::string_view::npos);
  }
}

// 24 bits per sample: what STREAMINFO says counts.
TEST(InitSegment, TellsTheSampleSizeOfFlac) {
  Track track = test::audio_track();
  track.codec = Codec::kFlac;
  track.configuration = test::from_hex("0000000080000022120012000000000000000bb8037000000000");
  const Bytes segment = init_segment(std::vector{track});
  const auto stsd = find_box(segment, {"moov", "trak", "mdia", "minf", "stbl", "stsd"});
  ASSERT_TRUE(stsd);
  ByteReader entry(stsd->subspan(16 + 18));
  EXPECT_EQ(entry.u16(), 24);
}

// CMAF's is for files of one track.
TEST(InitSegment, NamesTheBrandsFirst) {
  const struct {
    std::vector<Track> tracks;
    const char* brands;
  } cases[] = {{{test::video_track()}, "iso6cmfcmp41"},
               {{test::audio_track()}, "iso6cmfcmp41"},
               {{test::video_track(), test::audio_track()}, "iso6mp41"}};
  for (const auto& c : cases) {
    const Bytes segment = init_segment(c.tracks);
    BoxReader reader(segment);
    const auto ftyp = reader.next();
    ASSERT_TRUE(ftyp);
    EXPECT_EQ(ftyp->type, four_cc("ftyp"));
    EXPECT_EQ(as_text(ftyp->payload.first(4)), "iso6");
    EXPECT_EQ(as_text(ftyp->payload.subspan(8)), c.brands);
    EXPECT_EQ(reader.next()->type, four_cc("moov"));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.ok());
  }
}

// 14496-14 3.1.2: the number of the elementary stream is the track's; what is stored is 0.
TEST(InitSegment, LeavesTheElementaryStreamWithoutANumber) {
  const Bytes segment = init_segment(std::vector{test::audio_track(7)});
  const std::string_view text = as_text(segment);
  const std::size_t esds = text.find("esds");
  ASSERT_NE(esds, std::string_view::npos);
  const ByteView descriptor = ByteView(segment).subspan(esds + 8);  // behind type, version and flags
  EXPECT_EQ(descriptor[0], 3);
  EXPECT_EQ(descriptor[2], 0);
  EXPECT_EQ(descriptor[3], 0);
}

TEST(InitSegment, HoldsSampleDescriptionsOfOneTrack) {
  Track video = test::video_track();
  Track audio = test::audio_track();
  for (std::uint8_t i = 1; i < kMaxSampleDescriptions; ++i) {
    Track other = test::video_track();
    other.configuration[3] = static_cast<std::uint8_t>(100 + i);  // the level
    EXPECT_EQ(take_description(video, other), i + 1U);
    EXPECT_EQ(take_description(video, other), i + 1U) << "it is there already";
  }
  EXPECT_EQ(take_description(video, test::video_track()), 1U);
  Track more = test::video_track();
  more.configuration[3] = 200;
  EXPECT_FALSE(take_description(video, more)) << "full";
  Track other = audio;
  other.configuration = test::from_hex("119056e500");  // says that there is no SBR
  EXPECT_EQ(take_description(audio, other), 2U);
  const Bytes segment = init_segment(std::vector{video, audio});
  const auto read = read_tracks(moov_of(segment));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (std::vector{video, audio}));
  const Bytes moov(moov_of(segment).begin(), moov_of(segment).end());
  for (std::size_t size = 0; size < moov.size(); ++size) {
    const auto tracks = read_tracks(ByteView(moov).first(size));
    if (tracks) {
      for (const Track& track : *tracks) EXPECT_TRUE(track == video || track == audio);
    }
  }
}

// Light levels in a file of somebody else's that are cut off.
TEST(InitSegment, PassesOverDamagedHdr) {
  Track video = test::video_track();
  video.hdr.light = codecs::ContentLight{1000, 400};
  Bytes segment = init_segment(std::vector{video});
  const std::size_t clli = as_text(segment).find("clli");
  ASSERT_NE(clli, std::string_view::npos);
  segment[clli - 1] = 8;  // its size
  const auto read = read_tracks(moov_of(segment));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->front().hdr.empty());
}

TEST(Track, IsTheSameWhateverItIsCalled) {
  Track named = test::audio_track();
  named.language = "deu";
  named.name = "Kommentar";
  Track track = test::audio_track();
  EXPECT_EQ(take_description(track, named), 1U);
}

TEST(Track, TakesNoDescriptionThatAPlayerCouldNotFollow) {
  const auto changed = [](Track track, auto change) {
    change(track);
    return track;
  };
  const Track video = test::video_track();
  const Track audio = test::audio_track();
  const Track cases[] = {
      changed(video, [](Track& track) { track.width = 128; }),
      changed(video, [](Track& track) { track.configuration[1] = 110; }),  // 10 bits
      changed(video, [](Track& track) { track.codec = Codec::kHevc; }),
      changed(video,
              [](Track& track) {
                track.colour = codecs::Colour{9, 16, 9, false};
              }),
      changed(video,
              [](Track& track) {
                track.hdr.light = codecs::ContentLight{1000, 400};
              }),
      changed(video, [](Track& track) { track.configuration.resize(3); }),
      changed(audio, [](Track& track) { track.configuration = test::from_hex("2b118800"); }),  // SBR
      changed(audio, [](Track& track) { track.sample_rate = 44'100; }),
      changed(audio, [](Track& track) { track.channels = 1; }),
  };
  for (const Track& other : cases) {
    Track track = other.type == TrackType::kVideo ? video : audio;
    const Track before = track;
    EXPECT_FALSE(take_description(track, other)) << static_cast<int>(other.codec);
    EXPECT_EQ(track, before);
  }
}

TEST(InitSegment, IsRefusedCutOffAnywhere) {
  const Bytes segment = init_segment(std::vector{test::video_track(), test::audio_track()});
  const Bytes moov(moov_of(segment).begin(), moov_of(segment).end());
  for (std::size_t size = 0; size < moov.size(); ++size) {
    const Bytes prefix(moov.begin(), moov.begin() + static_cast<std::ptrdiff_t>(size));
    const auto tracks = read_tracks(prefix);
    // A prefix that ends between two boxes behind the last track still describes the tracks.
    if (tracks) {
      EXPECT_LE(tracks->size(), 2U);
    }
  }
  EXPECT_FALSE(read_tracks({}));
  EXPECT_FALSE(read_tracks(ByteView(moov).first(moov.size() - 1)));
}

TEST(InitSegment, RefusesTwoTracksOfOneNumber) {
  const auto tracks =
      read_tracks(moov_of(init_segment(std::vector{test::video_track(1), test::audio_track(1)})));
  ASSERT_FALSE(tracks);
  EXPECT_EQ(tracks.error().code, "mp4.moov");
}

TEST(BoxReader, RefusesImpossibleSizes) {
  EXPECT_FALSE(read_box_header({}));
  EXPECT_FALSE(read_box_header(test::from_hex("000000006d646174")));  // up to the end of the file
  EXPECT_FALSE(read_box_header(test::from_hex("000000076d646174")));  // less than its header
  EXPECT_FALSE(
      read_box_header(test::from_hex("000000016d646174000000000000000f")));   // less than its long header
  EXPECT_FALSE(read_box_header(test::from_hex("000000016d64617400000000")));  // cut off
  const auto large = read_box_header(test::from_hex("000000016d6461740000000100000000"));
  ASSERT_TRUE(large);
  EXPECT_EQ(large->header_size, 16U);
  EXPECT_EQ(large->size, 1ULL << 32);
}

TEST(BoxReader, StopsAtABoxThatIsNotWhole) {
  const Bytes bytes = test::from_hex("000000086672656500000009667265");
  BoxReader reader(bytes);
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace millrace::mp4
