// Finished recordings as HLS: cut where a player can begin, every sample once, to whom the file is given.
#include <gmock/gmock.h>

#include <array>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api_fixture.hpp"
#include "containers/mp4/init_segment.hpp"
#include "containers/mp4/testing/memory.hpp"
#include "containers/mp4/testing/streams.hpp"
#include "vod_delivery.hpp"
#include "vod_mpd.hpp"
#include "vod_playlists.hpp"

namespace millrace::api {
namespace {

using http::testing::body_of;
using http::testing::field_of;
using http::testing::status_of;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kAlice = "Authorization: Bearer good-alice\r\n";
constexpr const char* kCarol = "Authorization: Bearer good-carol\r\n";
const std::string kPublic = "alice-id-2026-11-20T21-49-15.123Z.mp4";
const std::string kPrivate = "carol-id-2026-11-20T21-49-15.123Z.mp4";
constexpr std::uint32_t kGroups = 100;  // of 200 ms: 20 s

Bytes movie(std::uint32_t groups = kGroups) {
  using namespace mp4;
  Bytes file = init_segment(std::array{mp4::test::video_track(), mp4::test::audio_track()});
  mp4::test::append(file, mp4::test::fragments(groups, 0, 0));
  return *mp4::test::finish_bytes(file);
}

// One picture whose frames last so many 90000ths, and where the key frames are.
Bytes picture(const std::vector<std::uint32_t>& durations, const std::vector<std::size_t>& keys) {
  mp4::TrackRun run{.track_id = 1, .base_decode_time = 0, .samples = {}};
  for (const std::uint32_t duration : durations) run.samples.push_back({duration, 1, 0, false});
  for (const std::size_t key : keys) run.samples[key].key = true;
  Bytes file = mp4::init_segment(std::array{mp4::test::video_track()});
  mp4::test::append(file, mp4::fragment_header(1, std::span(&run, 1)));
  file.insert(file.end(), durations.size(), 0);
  return *mp4::test::finish_bytes(file);
}

VodPresentation presentation_of(const Bytes& file) {
  return VodPresentation::create(mp4::read_finished_tracks(mp4::test::memory_source(file)).value()).value();
}

std::vector<double> seconds_of(const VodPresentation& presentation, const std::string& name) {
  std::vector<double> seconds;
  for (std::size_t number = 0; number < presentation.segments(); ++number)
    seconds.push_back(
        static_cast<double>(presentation.segment_duration_us(*presentation.find(name), number)) / 1e6);
  return seconds;
}

TEST(VodCuts, FollowTheKeyFrames) {
  const struct {
    const char* name;
    std::vector<std::uint32_t> durations;
    std::vector<std::size_t> keys;
    std::vector<double> seconds;
    bool independent;
  } cases[] = {
      {"a key frame every 2 s",
       std::vector<std::uint32_t>(20, 90'000),
       {0, 2, 4, 6, 8, 10, 12, 14, 16, 18},
       {6, 6, 6, 2},
       true},
      {"a little early",
       std::vector<std::uint32_t>(20, 89'000),
       {0, 6, 12, 18},
       {5.933, 5.933, 5.933, 1.978},
       true},
      {"every 10 s", std::vector<std::uint32_t>(20, 90'000), {0, 10}, {10, 10}, true},
      {"only one", std::vector<std::uint32_t>(30, 90'000), {0}, {12, 12, 6}, false},
      {"none", std::vector<std::uint32_t>(3, 90'000), {}, {3}, false},
      {"one frame", {45'000}, {0}, {0.5}, true},
      {"frames that stand for long", {90'000, 3'600'000, 90'000}, {0, 1, 2}, {41, 1}, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const VodPresentation presentation = presentation_of(picture(c.durations, c.keys));
    std::vector<double> seconds;
    for (std::size_t number = 0; number < presentation.segments(); ++number)
      if (presentation.has_segment(presentation.renditions()[0], number))
        seconds.push_back(seconds_of(presentation, "v0")[number]);
    ASSERT_EQ(seconds.size(), c.seconds.size());
    for (std::size_t i = 0; i < seconds.size(); ++i) EXPECT_NEAR(seconds[i], c.seconds[i], 0.001) << i;
    EXPECT_EQ(presentation.is_independent(presentation.renditions()[0]), c.independent);
  }
}

Bytes table(std::string_view type, const std::vector<std::uint32_t>& words) {
  Bytes box;
  const auto put = [&](std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) box.push_back(static_cast<std::uint8_t>(word >> shift));
  };
  put(static_cast<std::uint32_t>(12 + 4 * words.size()));
  box.insert(box.end(), type.begin(), type.end());
  put(0);
  for (const std::uint32_t word : words) put(word);
  return box;
}

// Of so many samples of a byte each, which all are key frames, last delta ticks and are presented offset
// after their decoding.
mp4::FinishedTrack uniform_track(mp4::Track track, std::uint32_t samples, std::uint32_t delta,
                                 std::int32_t offset = 0, std::int64_t delay = 0) {
  Bytes stbl;
  for (const Bytes& box :
       {table("stsz", {1, samples}), table("stts", {1, samples, delta}), table("stsc", {1, 1, samples, 1}),
        table("stco", {1, 0}), table("ctts", {1, samples, static_cast<std::uint32_t>(offset)})})
    mp4::test::append(stbl, box);
  return mp4::FinishedTrack::read(std::move(track), stbl, samples, delay).value();
}

mp4::Track in_timescale(mp4::Track track, std::uint32_t timescale) {
  track.timescale = timescale;
  return track;
}

// Minutes, or days, without these bounds.
TEST(VodCuts, RefusesTimesThatNoRecordingHas) {
  const mp4::Track seconds = in_timescale(mp4::test::video_track(), 1);
  const struct {
    const char* name;
    std::vector<mp4::FinishedTrack> tracks;
  } cases[] = {
      {"frames of 136 years", {uniform_track(seconds, 512, 0xFFFFFFFF)}},
      {"an empty edit of 100,000 years", {uniform_track(seconds, 2, 1, 0, std::int64_t{1} << 42)}},
      {"68 years before its decoding",
       {uniform_track(mp4::test::audio_track(), 2, 1024), uniform_track(seconds, 2, 1, INT32_MIN)}},
      {"68 years behind its decoding",
       {uniform_track(seconds, 1, 1), uniform_track(seconds, 2, 1, INT32_MAX)}},
  };
  for (const auto& c : cases) {
    const auto made = VodPresentation::create(c.tracks);
    ASSERT_FALSE(made) << c.name;
    EXPECT_EQ(made.error().code, "api.vod_segments") << c.name;
  }
}

// The sound is presented six days before it is decoded: no sample of it is ever in time for its segment.
TEST(VodCuts, LooksAtEveryKeyFrameOnce) {
  const auto picture = uniform_track(in_timescale(mp4::test::video_track(), 1), 8'000, 6);
  const auto sound =
      uniform_track(in_timescale(mp4::test::audio_track(), 40), 1'920'000, 1, -40 * 6 * 24 * 3600);
  const auto made = VodPresentation::create({picture, sound});
  ASSERT_TRUE(made);
  EXPECT_LE(made->segments(), 8'002U);
}

TEST(VodCuts, AreWhereThereAreSamples) {
  const auto picture = uniform_track(in_timescale(mp4::test::video_track(), 1), 2, 200'000);
  const auto sound = uniform_track(mp4::test::audio_track(), 940, 1024, 0, 48'000LL * 100'000);
  const auto made = VodPresentation::create({picture, sound});
  ASSERT_TRUE(made);
  // 20 s of sound in the middle of the first picture.
  EXPECT_GE(made->segments(), 4U);
  EXPECT_LE(made->segments(), 7U);
}

TEST(VodCuts, FindTheTickThatMicrosecondsWereRoundedFrom) {
  for (const std::uint32_t timescale : {1U, 30U, 44'100U, 90'000U, 1'000'000U}) {
    const auto track = uniform_track(in_timescale(mp4::test::video_track(), timescale), 100, 1, -50);
    for (std::uint32_t sample = 0; sample < 100; ++sample)
      EXPECT_EQ(ticks_of(track, presentation_us(track, sample)), track.presentation_time(sample));
  }
  const auto finest = uniform_track(in_timescale(mp4::test::video_track(), UINT32_MAX), 1, 1);
  EXPECT_EQ(ticks_of(finest, INT64_MAX), VodCuts::kMostUs / 1'000'000 * std::int64_t{UINT32_MAX});
  EXPECT_EQ(ticks_of(finest, INT64_MIN), -VodCuts::kMostUs / 1'000'000 * std::int64_t{UINT32_MAX});
}

TEST(VodPresentation, HasEverySampleOnceAndItsTimes) {
  const Bytes file = movie();
  const VodPresentation presentation = presentation_of(file);
  ASSERT_EQ(presentation.renditions().size(), 2U);
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    const mp4::FinishedTrack& track = presentation.track(rendition);
    std::uint32_t sample = 0;
    std::int64_t end_us = 0;
    for (std::size_t number = 0; number < presentation.segments(); ++number) {
      ASSERT_TRUE(presentation.has_segment(rendition, number));
      EXPECT_TRUE(track.is_key(sample));
      if (number > 0) {
        EXPECT_EQ(presentation.segment_start_us(rendition, number), end_us);
      }
      end_us = presentation.segment_start_us(rendition, number) +
               presentation.segment_duration_us(rendition, number);
      const VodPresentation::Segment segment = presentation.segment(rendition, number);
      const auto moof = mp4::find_box(segment.header, {"moof"});
      ASSERT_TRUE(moof);
      const auto header = mp4::read_fragment(*moof);
      ASSERT_TRUE(header);
      EXPECT_EQ(static_cast<std::int64_t>(header->runs[0].base_decode_time), track.decode_time(sample));
      std::uint64_t bytes = 0;
      for (const mp4::FileRange& range : segment.payload) bytes += range.size;
      EXPECT_EQ(bytes, header->payload_size);
      sample += static_cast<std::uint32_t>(header->runs[0].samples.size());
    }
    EXPECT_EQ(sample, track.samples());
  }
}

TEST(VodPlaylists, AreThoseOfAFinishedPresentation) {
  const VodPresentation presentation = presentation_of(movie());
  const std::string all = multivariant_playlist(presentation);
  EXPECT_THAT(all, HasSubstr("CODECS=\"avc1.64000a,mp4a.40.2\""));
  EXPECT_THAT(all, HasSubstr("RESOLUTION=64x64,FRAME-RATE=25.000"));
  EXPECT_THAT(all, HasSubstr("TYPE=AUDIO"));
  EXPECT_THAT(all, HasSubstr("\nv0/index.m3u8\n"));
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    const std::string list = media_playlist(presentation, rendition, presentation.all());
    EXPECT_THAT(list, HasSubstr("#EXT-X-MAP:URI=\"init.mp4\""));
    EXPECT_THAT(list, HasSubstr("#EXT-X-INDEPENDENT-SEGMENTS"));
    EXPECT_THAT(list, HasSubstr("\n0.m4s\n"));
    EXPECT_THAT(list, ::testing::EndsWith("#EXT-X-ENDLIST\n"));
    EXPECT_THAT(list, Not(HasSubstr("EXT-X-GAP")));
    const std::string clip =
        media_playlist(presentation, rendition, presentation.segments_in(7'000'000, 9'000'000));
    EXPECT_THAT(clip, HasSubstr("#EXT-X-MEDIA-SEQUENCE:1\n"));
    EXPECT_THAT(clip, HasSubstr("\n1.m4s\n"));
    EXPECT_THAT(clip, Not(HasSubstr("\n2.m4s\n")));
  }
}

// Sound begins up to a frame later than the cut, which the picture begins at.
TEST(VodPlaylists, GiveTheSameSegmentsOfAClipForAllRenditions) {
  const VodPresentation presentation = presentation_of(movie());
  const VodPresentation::Rendition& video = *presentation.find("v0");
  const auto segments_of = [&](const VodPresentation::Rendition& rendition, std::int64_t start_us,
                               std::int64_t end_us) {
    std::istringstream lines(
        media_playlist(presentation, rendition, presentation.segments_in(start_us, end_us)));
    std::vector<std::string> names;
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with('#')) names.push_back(line);
    return names;
  };
  const std::int64_t second = presentation.segment_start_us(video, 1) - presentation.start_us();
  const std::int64_t third = presentation.segment_start_us(video, 2) - presentation.start_us();
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    EXPECT_EQ(segments_of(rendition, second, third), std::vector<std::string>{"1.m4s"}) << rendition.name;
    EXPECT_EQ(segments_of(rendition, second - 1, third + 1),
              (std::vector<std::string>{"0.m4s", "1.m4s", "2.m4s"}))
        << rendition.name;
  }
}

// [time, end) of each S, in ticks.
std::vector<std::pair<std::int64_t, std::int64_t>> timeline_of(const std::string& mpd,
                                                               const std::string& id) {
  std::vector<std::pair<std::int64_t, std::int64_t>> timeline;
  const std::size_t begin = mpd.find("<SegmentTimeline>", mpd.find("<Representation id=\"" + id + "\""));
  const std::string text = mpd.substr(begin, mpd.find("</SegmentTimeline>", begin) - begin);
  const auto value = [&](std::size_t from, std::size_t to,
                         std::string_view name) -> std::optional<long long> {
    const std::size_t at = text.find(" " + std::string(name) + "=\"", from);
    return at < to ? std::optional(std::stoll(text.substr(at + name.size() + 3))) : std::nullopt;
  };
  for (std::size_t at = text.find("<S "); at != std::string::npos; at = text.find("<S ", at + 1)) {
    const std::size_t to = text.find('>', at);
    std::int64_t time = value(at, to, "t").value_or(timeline.empty() ? 0 : timeline.back().second);
    for (long long count = value(at, to, "r").value_or(0); count >= 0; --count) {
      timeline.emplace_back(time, time + value(at, to, "d").value());
      time = timeline.back().second;
    }
  }
  return timeline;
}

TEST(VodMpd, HasTheTimesOfTheSamplesToTheTick) {
  const VodPresentation presentation = presentation_of(movie());
  const std::string mpd = vod_mpd(presentation, presentation.all());
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    const auto timeline = timeline_of(mpd, rendition.name);
    ASSERT_EQ(timeline.size(), presentation.segments());
    const mp4::FinishedTrack& track = presentation.track(rendition);
    std::uint32_t sample = 0;
    for (std::size_t number = 0; number < presentation.segments(); ++number) {
      EXPECT_EQ(timeline[number].first, track.presentation_time(sample)) << rendition.name << number;
      if (number > 0) {
        EXPECT_EQ(timeline[number].first, timeline[number - 1].second) << rendition.name << number;
      }
      const Bytes header = presentation.segment(rendition, number).header;
      sample += static_cast<std::uint32_t>(
          mp4::read_fragment(*mp4::find_box(header, {"moof"}))->runs[0].samples.size());
    }
  }
}

TEST(VodMpd, HasNoTimesBeforeZero) {
  const auto made = VodPresentation::create({uniform_track(mp4::test::video_track(), 500, 3'600, -7'200)});
  ASSERT_TRUE(made);
  const std::string mpd = vod_mpd(*made, made->all());
  EXPECT_THAT(mpd, Not(HasSubstr("1844674407")));
  EXPECT_THAT(mpd, Not(HasSubstr("\"-")));
  EXPECT_THAT(mpd, HasSubstr("mediaPresentationDuration=\"PT19.92S\""));
  const auto timeline = timeline_of(mpd, "v0");
  ASSERT_EQ(timeline.size(), made->segments());
  EXPECT_EQ(timeline.front().first, 0);
  EXPECT_EQ(timeline.back().second, 500 * 3'600 - 7'200);
}

TEST(VodMpd, SaysTheSameOfTheFile) {
  const std::string mpd = vod_mpd(presentation_of(movie()), presentation_of(movie()).all());
  EXPECT_THAT(mpd, HasSubstr("type=\"static\""));
  EXPECT_THAT(mpd, HasSubstr("mediaPresentationDuration=\"PT20.0"));
  EXPECT_THAT(mpd, HasSubstr("media=\"v0/$Number$.m4s\""));
  EXPECT_THAT(mpd, HasSubstr("initialization=\"a0/init.mp4\""));
  EXPECT_THAT(mpd, HasSubstr("codecs=\"mp4a.40.2\""));
}

// Sound goes on for 20 s while the picture, of two frames, stands.
TEST(VodMpd, NamesTheSegmentsOfATrackThatPausesByTheirTimes) {
  mp4::TrackRun frames{.track_id = 1, .base_decode_time = 0, .samples = {}};
  frames.samples.push_back({1'800'000, 1, 0, true});
  frames.samples.push_back({3'600, 1, 0, true});
  const mp4::TrackRun sound = mp4::test::audio_run(0, 940);
  Bytes file = mp4::init_segment(std::array{mp4::test::video_track(), mp4::test::audio_track()});
  mp4::test::append(file, mp4::fragment_header(1, std::array{frames, sound}));
  file.insert(file.end(), 2 + 940 * sound.samples[0].size, 0);
  const VodPresentation presentation = presentation_of(*mp4::test::finish_bytes(file));
  const std::string mpd = vod_mpd(presentation, presentation.all());
  EXPECT_THAT(mpd, HasSubstr("media=\"v0/at-$Time$.m4s\""));
  EXPECT_THAT(mpd, HasSubstr("media=\"a0/$Number$.m4s\""));
  const auto picture = timeline_of(mpd, "v0");
  ASSERT_EQ(picture.size(), 2U) << mpd;
  EXPECT_EQ(picture[0], (std::pair<std::int64_t, std::int64_t>{0, 1'800'000})) << "its frame lasts so long";
  EXPECT_EQ(picture[1].first, 1'800'000);
  const auto& v0 = *presentation.find("v0");
  EXPECT_EQ(presentation.segment_at(v0, 0), 0U);
  const auto last = presentation.segment_at(v0, 1'800'000);
  ASSERT_TRUE(last);
  EXPECT_TRUE(presentation.has_segment(v0, *last));
  EXPECT_FALSE(presentation.segment_at(v0, 900'000));
  EXPECT_THAT(mpd, HasSubstr("maxSegmentDuration=\"PT20S\""));
  EXPECT_THAT(media_playlist(presentation, *presentation.find("v0"), presentation.all()),
              HasSubstr("#EXT-X-GAP"));
  EXPECT_THAT(media_playlist(presentation, *presentation.find("a0"), presentation.all()),
              Not(HasSubstr("#EXT-X-GAP")));
}

TEST(VodPath, KnowsTheDocumentedPaths) {
  const auto text = [](std::string_view path) {
    const auto parsed = parse_vod_path(path);
    return parsed ? std::string(parsed->file) + "|" + std::string(parsed->rendition) + "|" +
                        std::string(parsed->object)
                  : "none";
  };
  EXPECT_EQ(text("/vod/a.mp4/index.m3u8"), "a.mp4||index.m3u8");
  EXPECT_EQ(text("/api/vod/a.mp4/v0/3.m4s"), "a.mp4|v0|3.m4s");
  EXPECT_EQ(text("/vod/a.mp4/v0/x/y"), "a.mp4|v0|x/y");
  for (const std::string_view path :
       {"/vod/a.mp4", "/vod/file/a.mp4", "/vod/details/a.mp4", "/vod/list/index.m3u8", "/vod/", "/x"})
    EXPECT_EQ(text(path), "none") << path;
}

class VodTest : public testing::ApiFixture {
 protected:
  void put(const std::string& name, const Bytes& bytes) {
    std::ofstream(root_ / "vod" / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::string token(const std::string& stream) const {
    return playback::TokenKeys::create(Secret("0123456789abcdef0123456789abcdef"))
        .value()
        .sign({.stream_id = stream, .expires_s = 4'000'000'000U, .network = {}, .viewer = {}});
  }
};

TEST_F(VodTest, ServesTheSamplesOfTheFile) {
  put(kPublic, movie());
  for (const std::string& base : {"/vod/" + kPublic, "/api/vod/" + kPublic}) {
    const std::string list = ask(base + "/v0/index.m3u8");
    ASSERT_EQ(status_of(list), 200);
    EXPECT_EQ(field_of(list, "Content-Type"), "application/vnd.apple.mpegurl");
    EXPECT_EQ(field_of(list, "Cache-Control"), "public, max-age=3600");
    std::string stream(body_of(ask(base + "/v0/init.mp4")));
    std::istringstream lines{std::string(body_of(list))};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#')) continue;
      const std::string segment = ask(base + "/v0/" + line);
      EXPECT_EQ(status_of(segment), 200);
      EXPECT_EQ(field_of(segment, "Content-Type"), "video/mp4");
      stream += body_of(segment);
    }
    mp4::FragmentedFileReader reader(mp4::test::memory_source(as_bytes(stream)));
    std::size_t frame = 0;
    while (const auto part = reader.next().value()) {
      const auto* const fragment = std::get_if<mp4::FragmentedFileReader::Fragment>(&*part);
      if (fragment == nullptr) continue;
      std::uint64_t at = fragment->payload_offset;
      for (const mp4::FragmentSample& sample : fragment->header.runs[0].samples) {
        const Bytes& expected = mp4::test::video_frames()[frame++ % 10].payload;
        EXPECT_EQ(stream.substr(at, sample.size), as_text(expected));
        at += sample.size;
      }
    }
    EXPECT_EQ(frame, kGroups * 5);
  }
}

TEST_F(VodTest, AnswersConditionsRangesAndHead) {
  put(kPublic, movie());
  const std::string path = "/vod/" + kPublic + "/v0/1.m4s";
  const std::string whole = ask(path);
  const std::string etag(field_of(whole, "ETag"));
  EXPECT_EQ(status_of(ask(path, "If-None-Match: " + etag + "\r\n")), 304);
  const std::string part = ask(path, "Range: bytes=600-899\r\n");
  EXPECT_EQ(status_of(part), 206);
  EXPECT_EQ(body_of(part), body_of(whole).substr(600, 300));
  EXPECT_EQ(field_of(ask(path, "", "HEAD"), "Content-Length"), std::to_string(body_of(whole).size()));
  EXPECT_NE(field_of(ask("/vod/" + kPublic + "/v0/0.m4s"), "ETag"), etag);
  const std::string list = ask("/vod/" + kPublic + "/v0/index.m3u8", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(field_of(list, "Content-Encoding"), "gzip");
  EXPECT_EQ(status_of(ask(path, "", "POST")), 405);
}

TEST_F(VodTest, RefusesWhatThereIsNot) {
  put(kPublic, movie());
  put("holiday.mp4", Bytes(3000, 'x'));
  put("b.part.mp4", movie());
  const std::pair<std::string, int> cases[] = {
      {kPublic + "/master.m3u8", 404},
      {kPublic + "/v1/index.m3u8", 404},
      {kPublic + "/v0/init.mp5", 404},
      {kPublic + "/v0/99.m4s", 404},
      {kPublic + "/v0/01.m4s", 404},
      {kPublic + "/v0/-1.m4s", 404},
      {kPublic + "/v0/1.m4sx", 404},
      {kPublic + "/v0/99999999999999999999.m4s", 404},
      {kPublic + "/v0/x/0.m4s", 404},
      {"none.mp4/index.m3u8", 404},
      {"b.part.mp4/index.m3u8", 404},
      {".hidden.mp4/index.m3u8", 400},
      {"holiday.mp4/index.m3u8", 422},
      {"holiday.mp4/v0/0.m4s", 422},
      {kPublic + "/index.m3u8?start=x", 400},
      {kPublic + "/index.m3u8?start=5&end=5", 400},
      {kPublic + "/v0/index.m3u8?end=-1", 400},
      {kPublic + "/v0/index.m3u8?start=1e300", 400},
      {kPublic + "/v0/index.m3u8?start=nan", 400},
      {kPublic + "/index.m3u8?start=1&start=2", 400},
      {kPublic + "/v0/index.m3u8?start=", 400},
      {kPublic + "/v0/index.m3u8?start=%31", 400},
      {kPublic + "/index.m3u8?%73tart=1", 400},
      {kPublic + "/manifest.mpd?start=x", 400},
      {kPublic + "/manifest.mpd?END=5", 400},
      {kPublic + "/index.m3u8?start=20.1", 404},
      {kPublic + "/v0/index.m3u8?start=500", 404},
      {kPublic + "/manifest.mpd?start=500", 404},
  };
  for (const auto& [path, status] : cases) {
    const std::string answer = ask("/vod/" + path);
    EXPECT_EQ(status_of(answer), status) << path;
    EXPECT_THAT(answer, HasSubstr("application/problem+json")) << path;
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store") << path;
  }
}

TEST_F(VodTest, GivesClips) {
  put(kPublic, movie());
  const std::string all(body_of(ask("/vod/" + kPublic + "/index.m3u8?start=7&end=9.5")));
  EXPECT_THAT(all, HasSubstr("\nv0/index.m3u8?start=7.000000&end=9.500000\n"));
  const std::string list(body_of(ask("/vod/" + kPublic + "/v0/index.m3u8?start=7.000000&end=9.500000")));
  EXPECT_THAT(list, HasSubstr("#EXT-X-PLAYLIST-TYPE:VOD\n"));
  EXPECT_THAT(list, HasSubstr("\n1.m4s\n"));
  EXPECT_THAT(list, Not(HasSubstr("\n0.m4s\n")));
  EXPECT_THAT(list, Not(HasSubstr("\n2.m4s\n")));
}

TEST_F(VodTest, SaysWhyAClipIsNone) {
  put(kPublic, movie());
  for (const char* list : {"/index.m3u8", "/v0/index.m3u8", "/manifest.mpd"}) {
    const std::string answer = ask("/vod/" + kPublic + list + "?start=1&start=2");
    EXPECT_THAT(std::string(body_of(answer)), HasSubstr("start is there twice")) << list;
  }
}

// The same segments, whose times begin at 0.
TEST_F(VodTest, GivesClipsInAnMpd) {
  put(kPublic, movie());
  const std::string answer = ask("/vod/" + kPublic + "/manifest.mpd?start=7&end=9.5");
  const std::string mpd(body_of(answer));
  EXPECT_THAT(mpd, HasSubstr("startNumber=\"1\""));
  EXPECT_THAT(mpd, HasSubstr("mediaPresentationDuration=\"PT5.6S\""));
  const VodPresentation presentation = presentation_of(movie());
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    const auto timeline = timeline_of(mpd, rendition.name);
    ASSERT_EQ(timeline.size(), 1U);
    EXPECT_EQ(timeline[0].first, presentation.segment_start_ticks(rendition, 1));
    EXPECT_THAT(mpd, HasSubstr("presentationTimeOffset=\"" +
                               std::to_string(presentation.cut_ticks(rendition, 1)) + "\""));
  }
  EXPECT_NE(field_of(answer, "ETag"), field_of(ask("/vod/" + kPublic + "/manifest.mpd"), "ETag"));
  const std::string plain = ask("/vod/" + kPublic + "/manifest.mpd?start=7", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(status_of(plain), 200);
  EXPECT_EQ(field_of(plain, "Content-Encoding"), "");
}

// Compressing is for lists that are kept: a clip is made for each request, on a thread that others wait for.
TEST_F(VodTest, GivesClipsAsTheyAre) {
  put(kPublic, movie());
  for (const char* list : {"/v0/index.m3u8", "/index.m3u8"}) {
    const std::string path = "/vod/" + kPublic + list;
    const std::string whole = ask(path, "Accept-Encoding: gzip\r\n");
    EXPECT_THAT(whole, HasSubstr("\r\nVary: Accept-Encoding\r\n")) << list;
    const std::string clip = ask(path + "?start=1", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(status_of(clip), 200);
    EXPECT_EQ(field_of(clip, "Content-Encoding"), "") << list;
    EXPECT_THAT(clip, Not(HasSubstr("Accept-Encoding"))) << list;
    EXPECT_NE(field_of(clip, "ETag"), field_of(ask(path), "ETag")) << list;
  }
}

TEST_F(VodTest, GivesAPresentationToWhomItGivesTheFile) {
  put(kPublic, movie());
  put(kPrivate, movie());
  const std::string good = "?token=" + token("carol-id");
  for (const std::string& name : {kPublic, kPrivate, std::string("alice-id-2026-01-01T00-00-00.000Z.mp4")}) {
    for (const std::string& query :
         {std::string(), good, "?token=" + token("alice-id"), std::string("?token=x")}) {
      for (const char* bearer : {"", kAlice, kCarol}) {
        const std::string file = ask("/vod/file/" + name + query, bearer);
        EXPECT_EQ(status_of(ask("/vod/access/" + name + query, bearer)), status_of(file)) << name << query;
        for (const char* object :
             {"/index.m3u8", "/manifest.mpd", "/v0/index.m3u8", "/a0/init.mp4", "/v0/0.m4s"}) {
          const std::string answer = ask("/vod/" + name + object + query, bearer);
          EXPECT_EQ(status_of(answer), status_of(file)) << name << object << query << bearer;
          EXPECT_EQ(field_of(answer, "Cache-Control"), field_of(file, "Cache-Control"))
              << name << object << query;
        }
      }
    }
  }
}

TEST_F(VodTest, HandsATokenOnWhereItWasNeeded) {
  put(kPublic, movie());
  put(kPrivate, movie());
  const std::string good = "token=" + token("carol-id");
  const std::string all(body_of(ask("/vod/" + kPrivate + "/index.m3u8?start=1&" + good)));
  EXPECT_THAT(all, HasSubstr("\nv0/index.m3u8?start=1.000000&" + good + "\n"));
  const std::string list = ask("/vod/" + kPrivate + "/v0/index.m3u8?" + good);
  EXPECT_THAT(std::string(body_of(list)), HasSubstr("\n0.m4s?" + good + "\n"));
  EXPECT_THAT(std::string(body_of(list)), HasSubstr("init.mp4?" + good));
  EXPECT_EQ(field_of(list, "ETag"), "");
  const std::string mpd = ask("/vod/" + kPrivate + "/manifest.mpd?" + good);
  EXPECT_EQ(field_of(mpd, "Content-Type"), "application/dash+xml");
  EXPECT_THAT(std::string(body_of(mpd)), HasSubstr("$Number$.m4s?" + good));
  EXPECT_THAT(std::string(body_of(ask("/vod/" + kPrivate + "/v0/index.m3u8?token=x", kCarol))),
              Not(HasSubstr("token")));
  EXPECT_THAT(std::string(body_of(ask("/vod/" + kPublic + "/v0/index.m3u8?token=x"))),
              Not(HasSubstr("token")));
}

class VodLibraryTest : public VodTest {
 protected:
  static VodLibrary::Found find(VodLibrary& library, const std::string& name, const http::OpenedFile& file) {
    std::promise<VodLibrary::Found> found;
    library.find(name, file, [&](const VodLibrary::Found& answer) { found.set_value(answer); });
    return found.get_future().get();
  }
};

TEST_F(VodLibraryTest, ReadsAFileOnceAndAgainWhenItChanges) {
  put(kPublic, movie());
  VodLibrary library;
  const auto first = find(library, kPublic, *open_recording(vod_, kPublic));
  ASSERT_TRUE(first);
  EXPECT_EQ(*find(library, kPublic, *open_recording(vod_, kPublic)), *first);
  put("new.mp4", movie(10));
  std::filesystem::rename(root_ / "vod" / "new.mp4", root_ / "vod" / kPublic);
  const auto second = find(library, kPublic, *open_recording(vod_, kPublic));
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  put(kPublic, Bytes(10, 'x'));
  EXPECT_EQ(find(library, kPublic, *open_recording(vod_, kPublic)).error().code, "mp4.moov");
}

TEST_F(VodLibraryTest, ForgetsWhatWasAskedForLongestAgo) {
  for (const char* name : {"a.mp4", "b.mp4", "c.mp4"}) put(name, movie());
  const auto one = VodItem(presentation_of(movie())).memory();
  VodLibrary library(one * 5 / 2);
  const auto a = find(library, "a.mp4", *open_recording(vod_, "a.mp4"));
  const auto b = find(library, "b.mp4", *open_recording(vod_, "b.mp4"));
  EXPECT_EQ(*find(library, "a.mp4", *open_recording(vod_, "a.mp4")), *a);
  ASSERT_TRUE(find(library, "c.mp4", *open_recording(vod_, "c.mp4")));
  EXPECT_LE(library.memory(), one * 5 / 2);
  EXPECT_EQ(*find(library, "a.mp4", *open_recording(vod_, "a.mp4")), *a);
  EXPECT_NE(*find(library, "b.mp4", *open_recording(vod_, "b.mp4")), *b);
}

TEST_F(VodLibraryTest, KeepsTheNewestHoweverLargeItIs) {
  for (const char* name : {"a.mp4", "b.mp4"}) put(name, movie());
  VodLibrary library(1);
  const auto a = find(library, "a.mp4", *open_recording(vod_, "a.mp4"));
  EXPECT_EQ(*find(library, "a.mp4", *open_recording(vod_, "a.mp4")), *a);
  const auto b = find(library, "b.mp4", *open_recording(vod_, "b.mp4"));
  EXPECT_EQ(*find(library, "b.mp4", *open_recording(vod_, "b.mp4")), *b);
  EXPECT_EQ(library.memory(), (*b)->memory());
  EXPECT_NE(*find(library, "a.mp4", *open_recording(vod_, "a.mp4")), *a);
}

}  // namespace
}  // namespace millrace::api
