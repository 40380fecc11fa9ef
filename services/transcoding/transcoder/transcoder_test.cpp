// A child's engine over real logs: what becomes of a source that a test publishes.
#include "transcoder.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "media/testing/codec_stream.hpp"
#include "media/tools/verify.hpp"
#include "test_source.hpp"

namespace millrace::transcoding {
namespace {

using test::TestSource;

constexpr PublicationId kPublication{7};

struct Written {
  std::int64_t pts;
  std::uint64_t segment;
  std::uint16_t flags;
  bool operator==(const Written&) const = default;
};

void PrintTo(const Written& written, std::ostream* out) {
  *out << written.pts << "/" << written.segment << "/" << written.flags;
}

class TranscoderTest : public ::testing::Test {
 protected:
  TranscoderTest() {
    arena_ =
        std::move(media::ArenaWriter::open({directory_.path(), "ingest", 32U << 20, 256U << 10, 16}).value());
    source_.emplace(*arena_, kPublication);
    settings_.directory = directory_.path();
    settings_.stream_id = TestSource::kStream;
    settings_.publication = kPublication;
    settings_.arena_bytes = 32U << 20;
    settings_.line.ladder = {{120, 30, 300}, {90, 30, 150}};
    settings_.from_oldest = true;
    settings_.line.encoder.preset = "ultrafast";
  }

  // To its end; report: as it goes on.
  media::LogEnd run(const Transcoder::Report& report = [](const auto&) {}) {
    const auto transcoder = Transcoder::open(settings_);
    EXPECT_TRUE(transcoder) << transcoder.error().message;
    const Result<media::LogEnd> end = (*transcoder)->run(stop_, [&](const auto& status) {
      counters_ = status.counters;
      report(status);
    });
    EXPECT_TRUE(end) << end.error().message;
    return end.value_or(media::LogEnd::kLive);
  }

  std::vector<media::LogInfo> logs(const std::string& rendition) {
    std::vector<media::LogInfo> found;
    for (const media::LogInfo& info : own().logs(media::LogRole::kRendition)) {
      if (info.rendition == rendition) found.push_back(info);
    }
    return found;
  }
  media::ArenaReader& own() {
    if (!own_)
      own_ = std::move(media::ArenaReader::open(directory_.path(), "transcoder-cam", "test").value());
    return *own_;
  }
  static std::vector<Written> records(media::ArenaReader& arena, const media::LogInfo& info) {
    media::LogReader log = arena.open_log(info.slot, info.publication_id, 0).value();
    if (info.role == media::LogRole::kRendition) {
      EXPECT_EQ(media::verify_log(log).problems, std::vector<std::string>());
    }
    std::vector<Written> all;
    for (std::uint64_t i = info.first; i < info.committed; ++i) {
      const media::SampleRecord record = log.at(i)->record;
      if (record.track == media::kVideoTrack)
        all.push_back({record.dts + record.composition_offset, record.media_sequence, record.flags});
    }
    return all;
  }
  std::vector<Written> source_records() {
    auto reader = std::move(media::ArenaReader::open(directory_.path(), "ingest", "test").value());
    return records(*reader, reader->logs().front());
  }
  // The source's key frames begin its segments, so records are the same but for marks that differ in kind.
  static std::vector<Written> marked(std::vector<Written> all) {
    for (Written& each : all)
      each.flags &= media::kSampleKey | media::kSampleSegmentStart | media::kSampleDiscontinuity;
    return all;
  }

  test::LogDirectory directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::optional<TestSource> source_;
  std::unique_ptr<media::ArenaReader> own_;
  TranscoderSettings settings_;
  std::atomic<bool> stop_{false};
  LineCounters counters_;
};

TEST_F(TranscoderTest, WritesEachPictureOfTheSourceAtItsTimeInItsSegment) {
  source_->send(5 * TestSource::kFps + 7);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  const std::vector<Written> expected = marked(source_records());
  for (const char* name : {"v0-120p", "v0-90p"}) {
    ASSERT_EQ(logs(name).size(), 1U) << name;
    const media::LogInfo info = logs(name).front();
    EXPECT_EQ(info.incarnation, 1U);
    EXPECT_EQ(info.origin_publication_id, kPublication);
    EXPECT_EQ(info.end, media::LogEnd::kUnpublished);
    EXPECT_EQ(marked(records(own(), info)), expected) << name;
  }
}

TEST_F(TranscoderTest, MakesWhatIsWantedFromWhereItIsWanted) {
  source_->send(6 * TestSource::kFps);
  source_->end();
  const std::vector<Written> source = source_records();
  const std::uint64_t from = source[2 * TestSource::kFps].segment;
  bool told = false;
  settings_.wanted = [&]() -> std::optional<Wanted> {
    return std::exchange(told, true) ? std::nullopt : std::optional(Wanted{{"v0-120p"}, from});
  };
  run();
  EXPECT_TRUE(logs("v0-90p").empty());
  ASSERT_EQ(logs("v0-120p").size(), 1U);
  const std::vector<Written> written = records(own(), logs("v0-120p").front());
  EXPECT_EQ(written.front().segment, from);
  EXPECT_EQ(written.back().pts, source.back().pts);
}

// The one that is there already has each picture once.
TEST_F(TranscoderTest, GoesBackForWhatIsWantedLater) {
  source_->send(6 * TestSource::kFps);
  source_->end();
  const std::vector<Written> source = source_records();
  const std::uint64_t first = source.front().segment;
  int asked = 0;
  settings_.wanted = [&]() -> std::optional<Wanted> {
    ++asked;
    if (asked == 1) return Wanted{{"v0-120p"}, first};
    if (asked == 4 * TestSource::kFps) return Wanted{{"v0-120p", "v0-90p"}, first + 1};
    return std::nullopt;
  };
  run();
  ASSERT_EQ(logs("v0-120p").size(), 1U);
  EXPECT_EQ(marked(records(own(), logs("v0-120p").front())), marked(source));
  ASSERT_EQ(logs("v0-90p").size(), 1U);
  const std::vector<Written> later = records(own(), logs("v0-90p").front());
  EXPECT_EQ(later.front().segment, first + 1);
  EXPECT_EQ(later.size(), 5U * TestSource::kFps);
}

TEST_F(TranscoderTest, EndsWhatIsWantedNoMore) {
  source_->send(6 * TestSource::kFps);
  source_->end();
  const std::vector<Written> source = source_records();
  int asked = 0;
  settings_.wanted = [&]() -> std::optional<Wanted> {
    ++asked;
    if (asked == 1) return Wanted{{"v0-120p", "v0-90p"}, source.front().segment};
    if (asked == 4 * TestSource::kFps) return Wanted{{"v0-90p"}, 0};
    return std::nullopt;
  };
  run();
  EXPECT_EQ(marked(records(own(), logs("v0-90p").front())), marked(source));
  const std::vector<Written> ended = records(own(), logs("v0-120p").front());
  EXPECT_LT(ended.back().pts, source.back().pts);
}

TEST_F(TranscoderTest, BeginsHoldBackBehindLive) {
  settings_.from_oldest = false;
  source_->send(5 * TestSource::kFps + 7);
  source_->end();
  run();
  const std::vector<Written> source = source_records();
  const std::vector<Written> written = records(own(), logs("v0-120p").front());
  EXPECT_EQ(written.size(), 3U * TestSource::kFps + 7);
  EXPECT_EQ(written.back().pts, source.back().pts);
}

TEST_F(TranscoderTest, HasTheSourcesTargets) {
  source_->send(5 * TestSource::kFps);
  source_->end();
  run();
  auto reader = std::move(media::ArenaReader::open(directory_.path(), "ingest", "test").value());
  const media::LogInfo source = reader->logs().front();
  const media::LogInfo info = logs("v0-120p").front();
  EXPECT_GT(source.part_target_us, 0U);
  EXPECT_EQ(info.target_duration_s, source.target_duration_s);
  EXPECT_EQ(info.part_target_us, source.part_target_us);
  EXPECT_EQ(info.segment_target_ms, source.segment_target_ms);
  EXPECT_EQ(info.epoch, source.epoch);
}

TEST_F(TranscoderTest, GoesOnOverJumpsOfTheClock) {
  source_->send(2 * TestSource::kFps);
  source_->jump(60'000);
  source_->send(2 * TestSource::kFps);
  source_->end();
  run();
  const std::vector<Written> written = marked(records(own(), logs("v0-120p").front()));
  EXPECT_EQ(written, marked(source_records()));
  EXPECT_EQ(logs("v0-120p").size(), 1U);
}

TEST_F(TranscoderTest, GoesOnInTheSameLogWhenThePictureGrows) {
  source_->send(2 * TestSource::kFps);
  source_->change_size(640, 360);
  source_->send(2 * TestSource::kFps);
  source_->end();
  run();
  EXPECT_EQ(counters_.plans, 1U) << "the ladder's pictures are the same";
  EXPECT_EQ(logs("v0-120p").size(), 1U);
  EXPECT_EQ(marked(records(own(), logs("v0-120p").front())), marked(source_records()));
}

TEST_F(TranscoderTest, PlansAnewWhenThePictureHasAnotherShape) {
  source_->send(2 * TestSource::kFps);
  source_->change_size(240, 180);
  source_->send(2 * TestSource::kFps);
  source_->change_size(160, 100);
  source_->send(2 * TestSource::kFps);
  source_->end();
  run();
  EXPECT_EQ(counters_.plans, 3U);
  ASSERT_EQ(logs("v0-90p").size(), 1U);
  EXPECT_EQ(marked(records(own(), logs("v0-90p").front())), marked(source_records()));
  // 160x100 has no 120p any more.
  ASSERT_EQ(logs("v0-120p").size(), 1U);
  EXPECT_EQ(records(own(), logs("v0-120p").front()).size(), 4U * TestSource::kFps);
}

TEST_F(TranscoderTest, BearsPicturesThatAreNone) {
  source_->send(2 * TestSource::kFps);
  source_->send(TestSource::kFps, true);
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  EXPECT_GT(counters_.undecodable, 0U);
  const std::vector<Written> written = records(own(), logs("v0-120p").front());
  const std::vector<Written> source = source_records();
  EXPECT_GE(written.size(), 4U * TestSource::kFps);
  EXPECT_EQ(written.back().pts, source.back().pts);
}

TEST_F(TranscoderTest, GoesOnWhereThePictureTurnsAndTurnsBackWithinASegment) {
  source_->send(2 * TestSource::kFps);
  source_->change_size(180, 320);
  source_->send(3);
  source_->change_size(320, 180);
  source_->send(3);
  source_->change_size(180, 320);
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  const std::vector<Written> source = source_records();
  for (const char* name : {"v0-120p", "v0-90p"}) {
    ASSERT_EQ(logs(name).size(), 1U) << name;
    const std::vector<Written> written = records(own(), logs(name).front());
    ASSERT_EQ(written.size(), source.size()) << name;
    for (std::size_t i = 0; i < written.size(); ++i) {
      EXPECT_EQ(written[i].pts, source[i].pts);
      EXPECT_EQ(written[i].segment, source[i].segment);
      const bool begins = i == 0 || written[i].segment != written[i - 1].segment;
      EXPECT_EQ((written[i].flags & media::kSampleKey) != 0, begins) << name << " " << i;
    }
  }
}

TEST_F(TranscoderTest, GoesOnBehindAPictureOfAnAbsurdTime) {
  constexpr std::int32_t kMost = (1 << 23) - 1;
  source_->send(2 * TestSource::kFps + 5);
  source_->displace(kMost);
  source_->send(TestSource::kFps - 5);
  source_->displace(kMost);  // a key frame, that begins a segment
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  EXPECT_EQ(counters_.left_out, 2U);
  const std::vector<Written> source = source_records();
  const std::vector<Written> written = records(own(), logs("v0-120p").front());
  EXPECT_EQ(written.size(), source.size() - 2);
  EXPECT_EQ(written.back(), source.back());
}

TEST_F(TranscoderTest, GoesOnWithTheOthersWhereARenditionFails) {
  // Its log has no room in the arena.
  settings_.line.ladder = {{120, 30, 300}, {90, 30, 200'000}};
  source_->send(TestSource::kFps - 5);  // too few to know the source's own bit rate
  const auto transcoder = Transcoder::open(settings_).value();
  source_->send(2 * TestSource::kFps);
  source_->end();
  const auto end = transcoder->run(stop_, [](const auto&) {});
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(marked(records(own(), logs("v0-120p").front())), marked(source_records()));
  EXPECT_TRUE(logs("v0-90p").empty());
}

TEST_F(TranscoderTest, EndsWhereTheLastRenditionFails) {
  settings_.line.ladder = {{90, 30, 200'000}};
  source_->send(TestSource::kFps - 5);
  const auto transcoder = Transcoder::open(settings_).value();
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_FALSE(transcoder->run(stop_, [](const auto&) {}));
}

TEST_F(TranscoderTest, GoesOnBehindPicturesThatNoDecoderTakes) {
  source_->send(2 * TestSource::kFps);
  source_->configure_badly();
  source_->send(TestSource::kFps);
  source_->change_size(320, 180);
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  EXPECT_EQ(counters_.undecodable, static_cast<std::uint64_t>(TestSource::kFps));
  const std::vector<Written> written = records(own(), logs("v0-120p").front());
  EXPECT_EQ(written.size(), 4U * TestSource::kFps);
  EXPECT_EQ(written.back().pts, source_records().back().pts);
}

TEST_F(TranscoderTest, GoesOnWithoutSoundThatCannotBeEncoded) {
  source_->add_sound_of_nine_channels();
  source_->send(3 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  EXPECT_EQ(records(own(), logs("v0-120p").front()).size(), 3U * TestSource::kFps);
  EXPECT_TRUE(logs("a0-aac").empty());
}

TEST_F(TranscoderTest, HasASuccessorThatGoesOnWithTheNextSegment) {
  source_->send(3 * TestSource::kFps + 10);
  // Stopped in the middle of a segment, as when it is killed: what is in the logs stays.
  {
    const auto transcoder = Transcoder::open(settings_).value();
    int reports = 0;
    (void)transcoder->run(stop_, [&](const auto& status) {
      ++reports;
      stop_ = status.counters.pictures == 3U * TestSource::kFps + 10 || reports > 100;
    });
  }
  stop_ = false;
  source_->send(3 * TestSource::kFps);
  source_->end();
  run();
  ASSERT_EQ(logs("v0-120p").size(), 2U);
  const media::LogInfo first = logs("v0-120p")[0];
  const media::LogInfo second = logs("v0-120p")[1];
  EXPECT_EQ(first.incarnation, 1U);
  EXPECT_EQ(second.incarnation, 2U);
  const std::vector<Written> before = records(own(), first);
  const std::vector<Written> after = records(own(), second);
  EXPECT_EQ(after.front().segment, before.back().segment + 1);
  EXPECT_EQ(after.front().flags, media::kSampleKey | media::kSampleSegmentStart) << "no break";
  EXPECT_EQ(after.back().pts, source_records().back().pts);
  const auto configuration = [&](const media::LogInfo& info) {
    return own().open_log(info.slot, info.publication_id, 0)->configuration(0)->bytes;
  };
  EXPECT_EQ(configuration(first), configuration(second));
}

TEST_F(TranscoderTest, WaitsForADiscontinuityWhereItsParameterSetsAreOthers) {
  source_->send(2 * TestSource::kFps);
  {
    const auto transcoder = Transcoder::open(settings_).value();
    (void)transcoder->run(
        stop_, [&](const auto& status) { stop_ = status.counters.pictures == 2U * TestSource::kFps; });
  }
  stop_ = false;
  source_->send(2 * TestSource::kFps);
  source_->jump(60'000);
  source_->send(2 * TestSource::kFps);
  source_->end();
  settings_.line.encoder.preset = "slow";  // more reference frames
  run();
  ASSERT_EQ(logs("v0-120p").size(), 2U);
  const std::vector<Written> after = records(own(), logs("v0-120p")[1]);
  EXPECT_EQ(after.size(), 2U * TestSource::kFps);
  EXPECT_NE(after.front().flags & media::kSampleDiscontinuity, 0);
}

// The source's discontinuity came while nobody made the rendition, and is not asked for again.
TEST_F(TranscoderTest, HasOtherParameterSetsWhereADiscontinuityHasPassed) {
  source_->send(2 * TestSource::kFps);
  {
    const auto transcoder = Transcoder::open(settings_).value();
    (void)transcoder->run(
        stop_, [&](const auto& status) { stop_ = status.counters.pictures == 2U * TestSource::kFps; });
  }
  stop_ = false;
  source_->jump(60'000);
  source_->send(2 * TestSource::kFps);
  const std::uint64_t from = source_records().back().segment + 1;
  source_->send(2 * TestSource::kFps);
  source_->end();
  settings_.line.encoder.preset = "slow";  // more reference frames
  bool said = false;
  settings_.wanted = [&]() -> std::optional<Wanted> {
    if (std::exchange(said, true)) return std::nullopt;
    return Wanted{{"v0-120p"}, from, {}};
  };
  run();
  ASSERT_EQ(logs("v0-120p").size(), 2U);
  const std::vector<Written> after = records(own(), logs("v0-120p")[1]);
  EXPECT_EQ(after.size(), 2U * TestSource::kFps);
  EXPECT_EQ(after.front().segment, from);
}

TEST_F(TranscoderTest, HasNothingToWriteBelowTheLadder) {
  settings_.line.ladder = {{1080, 30, 5000}};
  source_->send(2 * TestSource::kFps);
  source_->end();
  EXPECT_EQ(run(), media::LogEnd::kUnpublished);
  EXPECT_TRUE(own().logs().empty());
}

// Real streams of other codecs, as another publication.
class TranscoderOfCodecs : public TranscoderTest {
 protected:
  void transcode(const std::map<std::uint8_t, std::string>& tracks) {
    media::test::CodecPublisher(*arena_, tracks).publish();
    settings_.publication = PublicationId{0xA1};
    settings_.line.ladder = {{90, 30, 300}};
    EXPECT_EQ(run(), media::LogEnd::kUnpublished);
    own_ = std::move(media::ArenaReader::open(directory_.path(), "transcoder-s1", "test").value());
  }
  // Of a track of the publication.
  std::vector<media::SampleRecord> source_of(std::uint8_t track) {
    auto reader = std::move(media::ArenaReader::open(directory_.path(), "ingest", "test").value());
    std::vector<media::SampleRecord> all;
    for (const media::LogInfo& info : reader->logs()) {
      if (info.publication_id != settings_.publication) continue;
      const media::LogReader log = reader->open_log(info.slot, info.publication_id, 0).value();
      for (std::uint64_t i = info.first; i < info.committed; ++i) {
        if (log.at(i)->record.track == track) all.push_back(log.at(i)->record);
      }
    }
    return all;
  }
  std::vector<media::SampleRecord> written(const std::string& rendition) {
    std::vector<media::SampleRecord> all;
    for (const media::LogInfo& info : logs(rendition)) {
      media::LogReader log = own().open_log(info.slot, info.publication_id, 0).value();
      EXPECT_EQ(media::verify_log(log).problems, std::vector<std::string>());
      for (std::uint64_t i = info.first; i < info.committed; ++i) all.push_back(log.at(i)->record);
    }
    return all;
  }
};

class TranscoderOfPictures : public TranscoderOfCodecs, public ::testing::WithParamInterface<const char*> {};

TEST_P(TranscoderOfPictures, KeepsTheirTimes) {
  transcode({{media::kVideoTrack, GetParam()}});
  const std::vector<media::SampleRecord> source = source_of(media::kVideoTrack);
  const std::vector<media::SampleRecord> pictures = written("v0-90p");
  EXPECT_EQ(pictures.size(), source.size());
  std::set<std::int64_t> times;
  for (const media::SampleRecord& record : source) times.insert(record.dts + record.composition_offset);
  for (const media::SampleRecord& record : pictures)
    EXPECT_TRUE(times.contains(record.dts + record.composition_offset));
}

INSTANTIATE_TEST_SUITE_P(Codecs, TranscoderOfPictures,
                         ::testing::Values("h264", "hevc", "hevc_open", "hevc_pq", "av1", "vp9"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(TranscoderOfCodecs, MakesAacOfOtherSoundInTheSourcesSegments) {
  transcode({{media::kVideoTrack, "h264"}, {media::kAudioTrack, "opus"}});
  const std::vector<media::SampleRecord> source = source_of(media::kAudioTrack);
  const std::vector<media::SampleRecord> sound = written("a0-aac");
  ASSERT_FALSE(sound.empty());
  EXPECT_EQ(sound.front().dts, source.front().dts);
  EXPECT_NEAR(static_cast<double>(sound.back().dts), static_cast<double>(source.back().dts), 2048);
  std::map<std::uint64_t, std::int64_t> starts;
  for (const media::SampleRecord& record : source) starts.emplace(record.media_sequence, record.dts);
  std::uint64_t segment = 0;
  for (const media::SampleRecord& record : sound) {
    EXPECT_EQ(record.track, media::kAudioTrack);
    EXPECT_GE(record.dts, starts.at(record.media_sequence));
    if (record.media_sequence != segment) {
      EXPECT_LT(record.dts, starts.at(record.media_sequence) + 1024);
    }
    segment = record.media_sequence;
  }
  EXPECT_EQ(sound.back().media_sequence, source.back().media_sequence);
}

class TranscoderOfSound : public TranscoderOfCodecs, public ::testing::WithParamInterface<const char*> {};

TEST_P(TranscoderOfSound, MakesAacWithoutAPicture) {
  transcode({{media::kAudioTrack, GetParam()}});
  EXPECT_FALSE(written("a0-aac").empty());
}

INSTANTIATE_TEST_SUITE_P(Codecs, TranscoderOfSound, ::testing::Values("opus", "mp3", "flac", "ac3", "eac3"),
                         [](const auto& test) { return std::string(test.param); });

TEST_F(TranscoderOfCodecs, LeavesAacAlone) {
  transcode({{media::kVideoTrack, "h264"}, {media::kAudioTrack, "aac"}});
  EXPECT_TRUE(written("a0-aac").empty());
  EXPECT_FALSE(written("v0-90p").empty());
}

TEST_F(TranscoderTest, IsOneAStream) {
  source_->send(TestSource::kFps);
  const auto first = Transcoder::open(settings_);
  ASSERT_TRUE(first);
  EXPECT_EQ(Transcoder::open(settings_).error().code, "media.in_use");
  settings_.publication = PublicationId{99};
  EXPECT_EQ(Transcoder::open(settings_).error().code, "transcoding.no_source");
}

}  // namespace
}  // namespace millrace::transcoding
