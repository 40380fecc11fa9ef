#include "containers/mp4/finish.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/finished_file.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

using test::append;
using test::finish_bytes;

Bytes two_track_file(std::uint32_t groups, std::uint64_t video_base, std::uint64_t audio_base) {
  Bytes file = init_segment(std::array{test::video_track(), test::audio_track()});
  append(file, test::fragments(groups, video_base, audio_base));
  return file;
}

ByteView payload_of(const Bytes& file, const test::FinishedSample& sample) {
  return ByteView(file).subspan(static_cast<std::size_t>(sample.offset), sample.size);
}

void expect_payload(const Bytes& file, const test::FinishedSample& sample, const Bytes& expected) {
  const ByteView payload = payload_of(file, sample);
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), expected.begin(), expected.end()));
}

TEST(Finish, KeepsEverySampleAndItsTimes) {
  constexpr std::uint32_t kGroups = 7;
  const auto file = finish_bytes(two_track_file(kGroups, 9000, 4800));
  ASSERT_TRUE(file) << file.error().message;
  const auto tracks = test::read_finished(*file);
  ASSERT_TRUE(tracks);
  ASSERT_EQ(tracks->size(), 2U);
  const auto& video = (*tracks)[0];
  const auto& audio = (*tracks)[1];
  EXPECT_EQ(video.track, test::video_track());
  EXPECT_EQ(audio.track, test::audio_track());
  ASSERT_EQ(video.samples.size(), kGroups * 5);
  ASSERT_EQ(audio.samples.size(), kGroups * test::kAudioPerGroup);
  for (std::size_t i = 0; i < video.samples.size(); ++i) {
    const test::VideoFrame& frame = test::video_frames()[i % 10];
    expect_payload(*file, video.samples[i], frame.payload);
    EXPECT_EQ(video.samples[i].decode_time, i * test::kFrameDuration);
    EXPECT_EQ(video.samples[i].composition_offset, frame.composition_offset);
    EXPECT_EQ(video.samples[i].key, frame.key);
  }
  for (std::size_t i = 0; i < audio.samples.size(); ++i) {
    expect_payload(*file, audio.samples[i], test::aac_frame());
    EXPECT_EQ(audio.samples[i].decode_time, i * test::kAacDuration);
    EXPECT_TRUE(audio.samples[i].key);
  }
  EXPECT_EQ(video.ctts_version, 0);
  EXPECT_EQ(audio.ctts_version, 0xFF);
  EXPECT_FALSE(video.large_offsets);
}

// Pictures that are there to decode those behind them: in the file, before what the movie presents.
TEST(Finish, DoesNotPresentALeadIn) {
  const struct {
    std::uint64_t lead_in;
    std::int64_t audio_base;  // of the sound, which begins where the pictures are shown from on
    std::size_t first;        // picture that is shown
  } cases[] = {
      {0, 0, 0},
      {3, 3 * 1920, 3},
      {35, 0, 0},  // nothing would be left: all are shown
      {99, 0, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.lead_in);
    Finished told;
    const auto file = finish_bytes(two_track_file(7, 0, static_cast<std::uint64_t>(c.audio_base)), &told,
                                   {{test::video_track().id, c.lead_in}});
    ASSERT_TRUE(file) << file.error().message;
    const auto tracks = test::read_finished(*file).value();
    const test::FinishedTrack& video = tracks[0];
    ASSERT_EQ(video.samples.size(), 35U);
    EXPECT_TRUE(video.samples[0].key);
    EXPECT_EQ(video.ctts_version, 0);
    std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
    std::int64_t latest = 0;
    for (std::size_t i = c.first; i < video.samples.size(); ++i) {
      earliest = std::min(earliest, test::presented_us(video, video.samples[i]));
      latest = std::max(latest, test::presented_us(video, video.samples[i]));
    }
    EXPECT_GE(earliest, 0);
    EXPECT_LT(earliest, 90'000);
    EXPECT_EQ(test::presented_us(video, video.samples[0]) < 0, c.first > 0);
    EXPECT_NEAR(static_cast<double>(told.duration_us),
                static_cast<double>(latest + 1'000'000 * test::kFrameDuration / 90'000), 90'000);
  }
}

// Also in parts whose fragments don't say so.
TEST(Finish, WritesEverySampleOfSoundAsASyncSample) {
  TrackRun sound = test::audio_run(0, 3);
  for (FragmentSample& sample : sound.samples) sample.key = false;
  TrackRun pictures = test::video_run(0, 0);
  for (FragmentSample& sample : pictures.samples) sample.key = false;
  Bytes file = init_segment(std::array{test::video_track(), test::audio_track()});
  test::append(file, fragment_header(1, std::array{pictures, sound}));
  test::append(file, test::payloads(0, 3));
  const auto finished = finish_bytes(file);
  ASSERT_TRUE(finished) << finished.error().message;
  const auto tracks = test::read_finished(*finished);
  ASSERT_TRUE(tracks);
  for (const auto& sample : (*tracks)[0].samples) EXPECT_FALSE(sample.key);
  for (const auto& sample : (*tracks)[1].samples) EXPECT_TRUE(sample.key);
  EXPECT_EQ(as_text(*finished).find("stss"), as_text(*finished).rfind("stss")) << "of the picture only";
}

// Open GOPs: their I pictures are no sync samples, but a player may begin at them (ISO/IEC 14496-12
// 8.9, 10.4).
TEST(Finish, GroupsTheRandomAccessPointsThatAreNoSyncSamples) {
  const struct {
    const char* name;
    bool first_is_key;
    const char* sync;    // stss
    const char* groups;  // sbgp
  } cases[] = {
      {"a sync sample in front", true, "000000000000000100000001",
       "0000000072617020000000040000000500000000000000010000000100000004000000000000000100000001"},
      {"a recovery point in front", false, "0000000000000000",
       "00000000726170200000000500000001000000010000000400000000000000010000000100000004000000000000000100000"
       "001"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Bytes source = init_segment(std::array{test::video_track(), test::audio_track()});
    for (std::uint32_t group = 0; group < 3; ++group) {
      TrackRun pictures = test::video_run(group, std::uint64_t{group} * 5 * test::kFrameDuration);
      pictures.samples[0].key = group == 0 && c.first_is_key;
      pictures.samples[0].recovery = !pictures.samples[0].key;
      const std::array runs = {pictures, test::audio_run(std::uint64_t{group} * 9 * test::kAacDuration, 9)};
      append(source, fragment_header(group, runs));
      append(source, test::payloads(group, 9));
    }
    const auto file = finish_bytes(source);
    ASSERT_TRUE(file) << file.error().message;
    const auto tracks = test::read_finished(*file);
    ASSERT_TRUE(tracks);
    for (std::size_t i = 0; i < 15; ++i) {
      const test::FinishedSample& sample = (*tracks)[0].samples[i];
      EXPECT_EQ(sample.key, i == 0 && c.first_is_key) << i;
      EXPECT_EQ(sample.recovery, i % 5 == 0 && !sample.key) << i;
      expect_payload(*file, sample, test::video_frames()[i % 10].payload);
    }
    const auto stbl = find_box(*file, {"moov", "trak", "mdia", "minf", "stbl"});
    ASSERT_TRUE(stbl);
    const auto bytes_of = [&](std::string_view box) {
      const auto found = find_box(*stbl, {box});
      return found ? Bytes(found->begin(), found->end()) : Bytes{};
    };
    EXPECT_EQ(bytes_of("stss"), test::from_hex(c.sync));
    EXPECT_EQ(bytes_of("sgpd"), test::from_hex("0100000072617020000000010000000100"));
    const Bytes groups = bytes_of("sbgp");
    // Behind the last recovery point nothing is said: 4 samples of no group.
    EXPECT_EQ(groups, test::from_hex(c.groups));
    EXPECT_EQ(as_text(*file).find("sbgp"), as_text(*file).rfind("sbgp")) << "of the picture only";
  }
  const auto plain = finish_bytes(two_track_file(2, 0, 0));
  ASSERT_TRUE(plain);
  EXPECT_EQ(as_text(*plain).find("sgpd"), std::string_view::npos) << "only where there is a recovery point";
}

// Audio is there from 100 ms, the first picture is presented at 100 ms + 2 frames of 40 ms: both keep their
// distance, and the movie begins with whichever is first.
TEST(Finish, KeepsTheTracksInSync) {
  const struct {
    const char* name;
    std::uint64_t video_base, audio_base;
    std::int64_t video_us, audio_us;
  } cases[] = {
      {"audio first", 9000, 4800, 80'000, 0},
      {"picture first", 9000, 19'200, 0, 220'000},
      {"far into the timeline", 9000 + 90'000'000'000, 4800 + 48'000'000'000, 80'000, 0},
      {"before its beginning", std::uint64_t{0} - 90'000, std::uint64_t{0} - 48'000, 80'000, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto file = finish_bytes(two_track_file(2, c.video_base, c.audio_base));
    ASSERT_TRUE(file);
    const auto tracks = test::read_finished(*file);
    ASSERT_TRUE(tracks);
    EXPECT_NEAR(static_cast<double>(test::presented_us((*tracks)[0], (*tracks)[0].samples[0])),
                static_cast<double>(c.video_us), 12);
    EXPECT_NEAR(static_cast<double>(test::presented_us((*tracks)[1], (*tracks)[1].samples[0])),
                static_cast<double>(c.audio_us), 12);
  }
}

// A sample presented before the first one is decoded: offsets move up, the edit list takes it back.
TEST(Finish, TakesNegativeCompositionOffsets) {
  Bytes source = init_segment(std::array{test::video_track()});
  TrackRun run{.track_id = 1, .base_decode_time = 7200, .samples = {}};
  for (const std::int32_t offset : {-3600, 0, 3600}) run.samples.push_back({3600, 6, offset, true});
  append(source, fragment_header(1, std::array{run}));
  for (int i = 0; i < 3; ++i) append(source, test::aac_frame());
  const auto file = finish_bytes(source);
  ASSERT_TRUE(file);
  const auto tracks = test::read_finished(*file);
  ASSERT_TRUE(tracks);
  const auto& video = tracks->front();
  for (const std::size_t i : {0U, 1U, 2U}) {
    EXPECT_EQ(test::presented_us(video, video.samples[i]), static_cast<std::int64_t>(i) * 80'000);
  }

  TrackRun later = run;  // the first is presented at its decode time, a later one before its own
  later.samples[0].composition_offset = 0;
  later.samples[1].composition_offset = -1;
  source = init_segment(std::array{test::video_track()});
  append(source, fragment_header(1, std::array{later}));
  source.insert(source.end(), 18, 0);
  const auto second = finish_bytes(source);
  ASSERT_TRUE(second);
  EXPECT_EQ(test::read_finished(*second)->front().ctts_version, 1);
}

TEST(Finish, TakesATrackThatComesLater) {
  Bytes source = init_segment(std::array{test::video_track()});
  append(source, fragment_header(1, std::array{test::video_run(0, 0)}));
  append(source, test::payloads(0, 0));
  append(source, init_segment(std::array{test::video_track(), test::audio_track()}));
  append(source, fragment_header(2, std::array{test::video_run(1, 18'000), test::audio_run(9600, 9)}));
  append(source, test::payloads(1, 9));
  const auto file = finish_bytes(source);
  ASSERT_TRUE(file);
  const auto tracks = test::read_finished(*file);
  ASSERT_TRUE(tracks);
  ASSERT_EQ(tracks->size(), 2U);
  EXPECT_EQ((*tracks)[0].samples.size(), 10U);
  EXPECT_EQ((*tracks)[1].samples.size(), 9U);
  EXPECT_NEAR(static_cast<double>(test::presented_us((*tracks)[1], (*tracks)[1].samples[0])), 120'000, 12);
}

// A gap (samples lost, or the encoder paused) lengthens the sample before it; times after it stay true.
TEST(Finish, KeepsTimesAcrossAGap) {
  Bytes source = init_segment(std::array{test::video_track()});
  for (const std::uint64_t base : {0ULL, 900'000ULL}) {
    append(source, fragment_header(1, std::array{test::video_run(0, base)}));
    append(source, test::payloads(0, 0));
  }
  const auto tracks = test::read_finished(*finish_bytes(source));
  ASSERT_TRUE(tracks);
  EXPECT_EQ(tracks->front().samples[5].decode_time, 900'000U);
}

// What a crash leaves: every whole fragment is there, whatever the tail.
TEST(Finish, TakesWholeFragmentsOfAFileCutOffAnywhere) {
  const Bytes init = init_segment(std::array{test::video_track(), test::audio_track()});
  const Bytes whole = two_track_file(3, 0, 0);
  const std::size_t fragment = (whole.size() - init.size()) / 3;
  for (std::size_t size = 0; size <= whole.size(); size += 7) {
    Bytes prefix = whole;
    prefix.resize(size);
    const auto file = finish_bytes(prefix);
    if (size < init.size() + fragment - 200) {
      EXPECT_FALSE(file) << size;
      continue;
    }
    if (!file) continue;
    const auto tracks = test::read_finished(*file);
    ASSERT_TRUE(tracks);
    EXPECT_EQ((*tracks)[0].samples.size() % 5, 0U);
    EXPECT_GE((*tracks)[0].samples.size() / 5 + 1, (size - init.size()) / fragment);
  }
}

TEST(Finish, RefusesWhatHasNoSampleOrContradictsItself) {
  EXPECT_EQ(finish_bytes({}).error().code, "mp4.empty");
  EXPECT_EQ(finish_bytes(init_segment(std::array{test::video_track()})).error().code, "mp4.empty");

  Bytes unknown = init_segment(std::array{test::video_track()});
  append(unknown, fragment_header(1, std::array{test::audio_run(0, 9)}));
  for (int i = 0; i < 9; ++i) append(unknown, test::aac_frame());
  EXPECT_EQ(finish_bytes(unknown).error().code, "mp4.tracks");

  Track other = test::video_track();
  other.width = 128;
  Bytes changed = init_segment(std::array{test::video_track()});
  append(changed, init_segment(std::array{other}));
  EXPECT_EQ(finish_bytes(changed).error().code, "mp4.tracks");
}

TEST(Finish, PassesFailuresOfSourceAndSinkOn) {
  const Bytes file = two_track_file(1, 0, 0);
  FileSource broken = test::memory_source(file);
  broken.read = [](std::uint64_t, std::span<std::uint8_t>) -> Result<void> { return fail("test.read"); };
  Bytes output;
  std::uint64_t written = 0;
  EXPECT_EQ(finish(broken, test::memory_sink(output, written)).error().code, "test.read");
  FileSink full = test::memory_sink(output, written);
  full.reserve = [](std::uint64_t) -> Result<void> { return fail("test.room"); };
  EXPECT_EQ(finish(test::memory_source(file), full).error().code, "test.room");
  EXPECT_EQ(written, 0U) << "nothing is written where there is no room";
  const std::uint64_t whole = finish_bytes(file)->size();
  // Wherever the failure comes: in the header, a table, a payload, what is flushed last.
  for (std::uint64_t limit = 0; limit < whole; limit += 13) {
    full = test::memory_sink(output, written = 0);
    full.write = [&, write = full.write](std::uint64_t offset, ByteView bytes) -> Result<void> {
      if (written + bytes.size() > limit) return fail("test.full");
      return write(offset, bytes);
    };
    EXPECT_EQ(finish(test::memory_source(file), full).error().code, "test.full") << limit;
  }
}

// The same bytes in fragments of one group and of many samples: nothing depends on how full a buffer was.
TEST(Finish, WritesTablesOfAnyLength) {
  for (const std::uint32_t samples : {1U, 1000U, 1023U, 1024U, 1025U, 5000U}) {
    Bytes source = init_segment(std::array{test::video_track()});
    TrackRun run{.track_id = 1, .base_decode_time = 0, .samples = {}};
    for (std::uint32_t i = 0; i < samples; ++i)
      run.samples.push_back({1 + i % 3, 1 + i % 2, static_cast<std::int32_t>(i % 5), i % 7 == 0});
    for (std::uint32_t part = 0; part < 3; ++part) {
      append(source, fragment_header(part, std::array{run}));
      for (const FragmentSample& sample : run.samples)
        source.insert(source.end(), sample.size, static_cast<std::uint8_t>(part));
      for (const FragmentSample& sample : run.samples) run.base_decode_time += sample.duration;
    }
    const auto file = finish_bytes(source);
    ASSERT_TRUE(file) << file.error().code;
    const auto tracks = test::read_finished(*file);
    ASSERT_TRUE(tracks);
    ASSERT_EQ(tracks->front().samples.size(), 3 * samples);
    std::uint64_t time = 0;
    for (std::uint32_t i = 0; i < 3 * samples; ++i) {
      const test::FinishedSample& sample = tracks->front().samples[i];
      const FragmentSample& expected = run.samples[i % samples];
      EXPECT_EQ(sample.decode_time, time);
      EXPECT_EQ(sample.composition_offset, expected.composition_offset);
      EXPECT_EQ(sample.key, expected.key);
      expect_payload(*file, sample, Bytes(expected.size, static_cast<std::uint8_t>(i / samples)));
      time += expected.duration;
    }
  }
}

// A changed parameter set of the same picture: one track, each sample with the description it was made for.
TEST(Finish, KeepsSampleDescriptionsApart) {
  Track two = test::video_track();
  Track other = two;
  other.configuration[1] = 77;
  ASSERT_EQ(take_description(two, other), 2U);
  Bytes source = init_segment(std::array{test::video_track()});
  append(source, fragment_header(1, std::array{test::video_run(0, 0)}));
  append(source, test::payloads(0, 0));
  append(source, init_segment(std::array{two}));
  for (const std::uint32_t description : {2U, 1U, 1U, 2U}) {
    TrackRun run = test::video_run(0, 18'000);
    run.description = description;
    append(source, fragment_header(1, std::array{run}));
    append(source, test::payloads(0, 0));
  }
  const auto file = finish_bytes(source);
  ASSERT_TRUE(file) << file.error().code;
  const auto tracks = test::read_finished(*file);
  ASSERT_TRUE(tracks);
  EXPECT_EQ(tracks->front().track, two);
  ASSERT_EQ(tracks->front().samples.size(), 25U);
  constexpr std::array<std::uint32_t, 5> kExpected = {1, 2, 1, 1, 2};
  for (std::size_t i = 0; i < 25; ++i) EXPECT_EQ(tracks->front().samples[i].description, kExpected[i / 5]);

  TrackRun unknown = test::video_run(0, 18'000);
  unknown.description = 3;
  append(source, fragment_header(1, std::array{unknown}));
  append(source, test::payloads(0, 0));
  EXPECT_EQ(finish_bytes(source).error().code, "mp4.tracks");
}

TEST(Finish, NamesTheBrandsOfWhatIsInIt) {
  Track hevc = test::video_track();
  hevc.codec = Codec::kHevc;
  const struct {
    Track track;
    const char* brands;
  } cases[] = {{test::video_track(), "isomiso2avc1mp41"}, {hevc, "isomiso2mp41"}};
  for (const auto& c : cases) {
    Bytes source = init_segment(std::array{c.track});
    append(source, fragment_header(1, std::array{test::video_run(0, 0)}));
    append(source, test::payloads(0, 0));
    const auto file = finish_bytes(source);
    ASSERT_TRUE(file);
    const auto ftyp = find_box(*file, {"ftyp"});
    ASSERT_TRUE(ftyp);
    EXPECT_EQ(as_text(ftyp->subspan(8)), c.brands);
  }
}

// A file that only says that it is large: 5 fragments of 1 GiB.
TEST(Finish, UsesWideOffsetsBeyondFourGigabytes) {
  constexpr std::uint32_t kSize = kMaxFragmentPayload;
  Bytes headers = init_segment(std::array{test::audio_track()});
  std::vector<std::pair<std::uint64_t, Bytes>> pieces = {{0, headers}};
  std::uint64_t size = headers.size();
  for (std::uint64_t i = 0; i < 5; ++i) {
    const TrackRun run{.track_id = 2, .base_decode_time = i * 1024, .samples = {{1024, kSize, 0, true}}};
    pieces.emplace_back(size, fragment_header(1, std::array{run}));
    size += pieces.back().second.size() + kSize;
  }
  const FileSource source{
      size, [&](std::uint64_t offset, std::span<std::uint8_t> into) -> Result<void> {
        for (const auto& [at, bytes] : pieces) {
          if (offset < at || offset >= at + bytes.size()) continue;
          const std::size_t count = std::min<std::size_t>(into.size(), at + bytes.size() - offset);
          std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset - at), count, into.begin());
        }
        return {};
      }};
  Bytes header(2000);
  std::uint64_t written = 0;
  const auto finished = finish(source, {{}, [&](std::uint64_t offset, ByteView bytes) -> Result<void> {
                                          if (offset + bytes.size() <= header.size())
                                            std::copy(bytes.begin(), bytes.end(),
                                                      header.begin() + static_cast<std::ptrdiff_t>(offset));
                                          written += bytes.size();
                                          return {};
                                        }});
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(finished->size, written);
  EXPECT_GT(written, 5ULL * kSize);
  EXPECT_LT(written, 5ULL * kSize + header.size());
  EXPECT_NE(as_text(header).find("co64"), std::string_view::npos);
  EXPECT_EQ(as_text(header).find("stco"), std::string_view::npos);
}

}  // namespace
}  // namespace millrace::mp4
