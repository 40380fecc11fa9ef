#include "media/segment_rule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace millrace::media {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;

constexpr std::int64_t kMs = 1000;
constexpr std::int64_t kFrameUs = 40 * kMs;
constexpr std::int64_t kSoundUs = 21'333;

struct Timed {
  std::int64_t arrives_us = 0;
  SegmentRule::Sample sample;
};

struct Result {
  std::vector<std::int64_t> lengths_ms;  // of whole segments
  int without_key = 0;                   // segments that a picture began which is no key frame, or sound
  int gaps = 0;
  std::vector<std::uint32_t> targets;  // each that was reported, in turn
};

// Pictures 40 ms apart with a key frame every so often; silent between off and on. Sound is sound_lead_us
// ahead of them as they arrive.
struct Source {
  std::int64_t length_us = 120'000 * kMs;
  std::int64_t group_us = 2'000 * kMs;
  std::int64_t jitter_us = 0;
  std::int64_t off_us = -1;
  std::int64_t on_us = -1;
  bool sound = true;
  std::int64_t sound_lead_us = 0;

  std::vector<Timed> samples() const {
    std::vector<Timed> all;
    std::mt19937 random(7);
    std::int64_t next_key_us = 0;
    for (std::int64_t at = 0; at < length_us; at += kFrameUs) {
      const bool key = at >= next_key_us;
      if (key) next_key_us += group_us;
      if (off_us >= 0 && at >= off_us && (on_us < 0 || at < on_us)) continue;
      const std::int64_t shaken =
          jitter_us > 0 ? at + static_cast<std::int64_t>(random() % (2 * jitter_us)) - jitter_us : at;
      all.push_back({at, {shaken, true, key, 0}});
    }
    for (std::int64_t at = 0; sound && at < length_us; at += kSoundUs)
      all.push_back({at - sound_lead_us, {at, false, true, kSoundUs}});
    std::stable_sort(all.begin(), all.end(),
                     [](const Timed& a, const Timed& b) { return a.arrives_us < b.arrives_us; });
    return all;
  }
};

class Runner {
 public:
  explicit Runner(const SegmentTargets& targets = {}) : rule_(targets) {}

  Result run(const std::vector<Timed>& samples, bool has_picture = true) {
    for (const Timed& timed : samples) take(timed.sample, has_picture);
    return result_;
  }

 private:
  void take(const SegmentRule::Sample& sample, bool has_picture) {
    if (first_) {
      rule_.begin_first(sample.time_us);
      start_us_ = sample.time_us;
    } else if (const auto cut = rule_.judge(sample, has_picture); cut != SegmentRule::Cut::kNone) {
      const bool gap = cut == SegmentRule::Cut::kGap;
      rule_.begin(sample.time_us, gap);
      result_.gaps += gap ? 1 : 0;
      result_.without_key += sample.picture && sample.key ? 0 : 1;
      result_.lengths_ms.push_back(((gap ? newest_us_ : sample.time_us) - start_us_) / kMs);
      start_us_ = sample.time_us;
    }
    first_ = false;
    newest_us_ = std::max(newest_us_, sample.time_us);
    rule_.add(sample);
    const std::uint32_t told = rule_.target_duration_s();
    if (told != 0 && (result_.targets.empty() || result_.targets.back() != told))
      result_.targets.push_back(told);
  }

  SegmentRule rule_;
  Result result_;
  bool first_ = true;
  std::int64_t start_us_ = 0;
  std::int64_t newest_us_ = 0;
};

using Targets = std::vector<std::uint32_t>;

// Open GOPs and intra refresh: recovery points are cut at where nothing better comes.
TEST(SegmentRule, CutsAtRecoveryPointsWhereNothingBetterComes) {
  const auto cut = [](int sync_every) {
    std::vector<Timed> samples = Source{.sound = false}.samples();
    int group = 0;
    for (Timed& timed : samples) {
      if (!timed.sample.key) continue;
      timed.sample.recovery = sync_every == 0 ? group > 0 : group % sync_every != 0;
      ++group;
    }
    return Runner().run(samples).lengths_ms;
  };
  EXPECT_THAT(cut(0), Each(2000)) << "none but the first picture";
  EXPECT_THAT(cut(2), Each(2000)) << "every second one: the next would be too late";
  EXPECT_THAT(cut(1), Each(2000));
}

TEST(SegmentRule, WaitsForAKeyFrameThatNeedsNoRecovery) {
  std::vector<Timed> samples = Source{.sound = false}.samples();
  for (Timed& timed : samples) {
    if (timed.sample.time_us % (2000 * kMs) != 1720 * kMs) continue;
    timed.sample.key = timed.sample.recovery = true;
  }
  std::vector<std::int64_t> lengths_ms = Runner().run(samples).lengths_ms;
  // Until two of them have come it is not known how far they are apart.
  ASSERT_GT(lengths_ms.size(), 10U);
  EXPECT_EQ(lengths_ms[0], 1720);
  EXPECT_EQ(lengths_ms[1], 2280);
  lengths_ms.erase(lengths_ms.begin(), lengths_ms.begin() + 2);
  EXPECT_THAT(lengths_ms, Each(2000));
}

TEST(SegmentRule, KeepsTheGridOfGroupsThatJitter) {
  for (const std::int64_t jitter_ms : {1, 10, 30}) {
    const Source source{.length_us = 2'000'000 * kMs, .jitter_us = jitter_ms * kMs};
    const Result result = Runner().run(source.samples());
    EXPECT_THAT(result.lengths_ms, Each(AllOf(Ge(2000 - 2 * jitter_ms), Le(2000 + 2 * jitter_ms))))
        << jitter_ms;
    EXPECT_EQ(result.lengths_ms.size(), 999U);
    EXPECT_EQ(result.without_key, 0);
    EXPECT_EQ(result.targets, Targets{2});
  }
}

TEST(SegmentRule, CutsAtKeyFramesWhateverTheGroupIs) {
  const struct {
    std::int64_t group_ms;
    std::int64_t least_ms;
    std::int64_t most_ms;
    std::uint32_t target_s;
  } table[] = {{200, 1400, 2200, 2},         {480, 1400, 2400, 2},        {1000, 2000, 2000, 2},
               {1200, 1200, 2400, 3},        {1600, 1600, 1600, 2},       {1960, 1960, 1960, 2},
               {2000, 2000, 2000, 2},        {2040, 2040, 2040, 2},       {2480, 2480, 2480, 3},
               {3000, 3000, 3000, 3},        {4000, 4000, 4000, 4},       {8320, 8320, 8320, 8},
               {10'000, 10'000, 10'000, 10}, {12'000, 12'000, 12'000, 12}};
  for (const auto& row : table) {
    const Result result = Runner().run(Source{.group_us = row.group_ms * kMs}.samples());
    EXPECT_EQ(result.without_key, 0) << row.group_ms;
    EXPECT_THAT(result.lengths_ms, Each(AllOf(Ge(row.least_ms), Le(row.most_ms)))) << row.group_ms;
    EXPECT_EQ(result.targets, Targets{row.target_s}) << row.group_ms;
  }
}

TEST(SegmentRule, KeepsTheAverageOfShortGroupsAtTheTarget) {
  for (const std::int64_t group_ms : {200, 480, 520, 680, 1000}) {
    const Result result =
        Runner().run(Source{.length_us = 600'000 * kMs, .group_us = group_ms * kMs}.samples());
    EXPECT_NEAR(static_cast<double>(result.lengths_ms.size()), 300, 30) << group_ms;
  }
}

// The target duration is fixed: what does not fit is cut without a key frame.
TEST(SegmentRule, NeverPassesTheTargetDurationOnceItIsFixed) {
  for (const std::int64_t group_ms : {2440, 3000, 4000, 10'000, 1'000'000}) {
    const Source source{.group_us = group_ms * kMs};
    const Result result = Runner({.target_duration_s = 2}).run(source.samples());
    EXPECT_THAT(result.lengths_ms, Each(Le(2499))) << group_ms;
    EXPECT_EQ(result.targets, Targets{2});
    EXPECT_EQ(result.gaps, 0);
    const std::int64_t groups = source.length_us / kMs / group_ms;
    const auto at_keys = static_cast<std::int64_t>(result.lengths_ms.size()) - result.without_key;
    EXPECT_GE(at_keys, groups - 2) << "key frames still cut: " << group_ms;
  }
}

TEST(SegmentRule, FixesTheTargetDurationWithTheFirstSegment) {
  std::vector<Timed> samples = Source{.length_us = 12'000 * kMs, .group_us = 12'000 * kMs}.samples();
  for (Timed timed : Source{.length_us = 48'000 * kMs}.samples()) {
    timed.sample.time_us += 12'000 * kMs;
    samples.push_back(timed);
  }
  const Result result = Runner().run(samples);
  EXPECT_EQ(result.lengths_ms.front(), 12'000);
  EXPECT_EQ(result.lengths_ms.at(1), 2000);
  EXPECT_EQ(result.targets, Targets{12});
}

// Of each segment a break ends it: what one break says is little, what three say is what the stream is like.
TEST(SegmentRule, FixesTheTargetDurationOfAStreamThatBreaksAgainAndAgain) {
  const struct {
    std::int64_t every_ms;
    std::int64_t fixed_ms;
    std::uint32_t target_s;
  } table[] = {{500, 4000, 2},  {1000, 4000, 2},   {1500, 4500, 2},  {1990, 5970, 2},
               {3000, 9000, 3}, {4000, 12'000, 4}, {7000, 14'000, 7}};
  for (const auto& row : table) {
    SegmentRule rule({});
    rule.begin_first(0);
    std::int64_t fixed_ms = 0;
    for (std::int64_t at = 0; fixed_ms == 0 && at < 60'000; at += 10) {
      const bool breaks = at > 0 && at % row.every_ms == 0;
      if (breaks) rule.begin(at * kMs, true);
      if (rule.target_duration_s() != 0) fixed_ms = at;
      rule.add({at * kMs, true, breaks || at == 0, 0});
    }
    EXPECT_EQ(fixed_ms, row.fixed_ms) << row.every_ms;
    EXPECT_EQ(rule.target_duration_s(), row.target_s) << row.every_ms;
  }
}

TEST(SegmentRule, CutsAnEndlessGroupAtTheLongestTarget) {
  const Result result = Runner().run(Source{.group_us = 1'000'000 * kMs}.samples());
  EXPECT_THAT(result.lengths_ms, Each(AllOf(Ge(12'300), Le(12'499))));
  EXPECT_EQ(result.targets, Targets{12});
  EXPECT_EQ(Runner({.longest_target_s = 6}).run(Source{.group_us = 1'000'000 * kMs}.samples()).targets,
            Targets{6});
}

// Camera off, sound goes on: no segment is longer, none waits, and the camera's next key frame begins one.
TEST(SegmentRule, LetsSoundCutWhenThePictureIsSilent) {
  for (const std::int64_t off_ms : {16'000, 16'040, 16'440, 16'960, 17'000, 17'520, 17'960}) {
    for (const std::int64_t lead_ms : {-300, 0, 40, 300}) {
      const Source source{.off_us = off_ms * kMs, .on_us = 50'400 * kMs, .sound_lead_us = lead_ms * kMs};
      const Result result = Runner().run(source.samples());
      EXPECT_EQ(result.targets, Targets{2}) << off_ms << ' ' << lead_ms;
      EXPECT_THAT(result.lengths_ms, Each(Le(2499 + std::max<std::int64_t>(lead_ms, 0))))
          << off_ms << ' ' << lead_ms;
      EXPECT_GE(result.lengths_ms.size(), 56U) << off_ms << ' ' << lead_ms;
      EXPECT_EQ(result.gaps, 0);
    }
  }
}

TEST(SegmentRule, DoesNotCutAtSoundWhileThePictureRunsBehindIt) {
  for (const std::int64_t lead_ms : {-1000, -40, 0, 40, 300, 1000, 3000}) {
    const Result result = Runner().run(Source{.sound_lead_us = lead_ms * kMs}.samples());
    // Sound that is behind goes on when the last picture has come.
    EXPECT_EQ(result.without_key, lead_ms < -40 ? 1 : 0) << lead_ms;
    // What comes before the first picture may make the first segment longer.
    EXPECT_THAT(std::vector(result.lengths_ms.begin() + 2, result.lengths_ms.end() - 1), Each(2000))
        << lead_ms;
  }
}

TEST(SegmentRule, DoesNotCutAtSoundThatLeapsAheadOfThePicture) {
  std::vector<Timed> samples = Source{.length_us = 40'000 * kMs}.samples();
  for (Timed& timed : samples) {
    if (!timed.sample.picture && timed.sample.time_us > 11'000 * kMs) timed.sample.time_us += 3'000 * kMs;
  }
  const Result result = Runner().run(samples);
  EXPECT_EQ(result.gaps, 0);
  EXPECT_EQ(result.without_key, 0);
  EXPECT_THAT(result.lengths_ms, Each(2000));
}

TEST(SegmentRule, CutsSoundAloneAtTheTargetAndKeepsTheGrid) {
  std::vector<Timed> samples;
  for (std::int64_t at = 0; at < 600'000 * kMs; at += kSoundUs)
    samples.push_back({at, {at, false, true, kSoundUs}});
  const Result result = Runner().run(samples, false);
  EXPECT_THAT(result.lengths_ms, Each(AllOf(Ge(1978), Le(2022))));
  EXPECT_NEAR(static_cast<double>(result.lengths_ms.size()), 299, 1);
  EXPECT_EQ(result.targets, Targets{2});
}

TEST(SegmentRule, DoesNotWaitForAPictureThatWasOnlyAnnounced) {
  std::vector<Timed> samples;
  for (std::int64_t at = 0; at < 60'000 * kMs; at += kSoundUs)
    samples.push_back({at, {at, false, true, kSoundUs}});
  const Result result = Runner().run(samples, true);
  EXPECT_THAT(result.lengths_ms, Each(Le(4022)));
  EXPECT_EQ(result.targets, Targets{4});
}

TEST(SegmentRule, TakesTimeThatIsMissingForAGap) {
  std::vector<Timed> samples = Source{.length_us = 7'000 * kMs}.samples();
  for (Timed timed : Source{.length_us = 10'000 * kMs}.samples()) {
    timed.sample.time_us += 12'000 * kMs;
    samples.push_back(timed);
  }
  const Result result = Runner().run(samples);
  EXPECT_EQ(result.gaps, 1);
  EXPECT_THAT(result.lengths_ms, Each(Le(2000)));
  EXPECT_EQ(result.targets, Targets{2});
}

TEST(SegmentRule, TakesTimeThatIsMissingForAGapWhicheverTrackComesFirst) {
  for (const std::int64_t lead_ms : {-200, 0, 200}) {
    std::vector<Timed> samples = Source{.length_us = 7'000 * kMs, .sound_lead_us = lead_ms * kMs}.samples();
    for (Timed timed : Source{.length_us = 10'000 * kMs, .sound_lead_us = lead_ms * kMs}.samples()) {
      timed.sample.time_us += 12'000 * kMs;
      samples.push_back(timed);
    }
    const Result result = Runner().run(samples);
    EXPECT_EQ(result.gaps, 1) << lead_ms;
    EXPECT_EQ(result.targets, Targets{2}) << lead_ms;
  }
}

TEST(SegmentRule, FollowsPicturesThatComeSeldom) {
  for (const std::int64_t step_ms : {500, 1000, 2000, 5000}) {
    std::vector<Timed> samples;
    for (int i = 0; i < 60; ++i)
      samples.push_back({i * step_ms * kMs, {i * step_ms * kMs, true, i % 4 == 0, 0}});
    const Result result = Runner().run(samples);
    EXPECT_EQ(result.gaps, 0) << step_ms;
    EXPECT_EQ(result.targets.size(), 1U) << step_ms;
    EXPECT_THAT(result.lengths_ms, Each(Le(result.targets.front() * 1000 + 499))) << step_ms;
  }
}

// Whatever comes, with sound that is not ahead: lengths stay within the target, which never changes.
TEST(SegmentRule, HoldsItsPromiseForRandomStreams) {
  std::mt19937 random(20261129);
  for (int stream = 0; stream < 300; ++stream) {
    std::vector<Timed> samples;
    std::int64_t at = 0;
    std::int64_t sound = 0;
    bool camera = true;
    for (int i = 0; i < 3000; ++i) {
      if (random() % 200 == 0) camera = !camera;
      at += (random() % 100 == 0 ? 10 + static_cast<std::int64_t>(random() % 400) : 30 + random() % 15) * kMs;
      for (; sound < at; sound += kSoundUs) samples.push_back({sound, {sound, false, true, kSoundUs}});
      if (camera) samples.push_back({at, {at, true, random() % 80 == 0, 0}});
    }
    const Result result = Runner().run(samples);
    ASSERT_EQ(result.targets.size(), 1U) << stream;
    // A picture later than ever before may make a segment longer than it should be by as much.
    ASSERT_THAT(result.lengths_ms, Each(Le(result.targets.front() * 1000 + 499 + 400))) << stream;
    const auto late =
        std::count_if(result.lengths_ms.begin(), result.lengths_ms.end(),
                      [&](std::int64_t length) { return length > result.targets.front() * 1000 + 499; });
    ASSERT_LE(late * 20, static_cast<std::int64_t>(result.lengths_ms.size())) << stream;
  }
}

TEST(SegmentRule, FitsTheTargetDurationToWhatIsNeeded) {
  const struct {
    std::uint32_t target_ms;
    std::int64_t longest_ms;
    std::uint32_t fits_s;
  } table[] = {{2000, 0, 2},       {2000, 2000, 2},      {2000, 2399, 2}, {2000, 2450, 3},
               {500, 500, 1},      {1500, 1500, 2},      {2000, 4450, 5}, {2000, 12'300, 12},
               {2000, 60'000, 12}, {30'000, 30'000, 30}, {200, 200, 1}};
  for (const auto& row : table)
    EXPECT_EQ(fitting_target_duration_s({.segment_target_ms = row.target_ms}, row.longest_ms * kMs),
              row.fits_s)
        << row.target_ms << ' ' << row.longest_ms;
}

}  // namespace
}  // namespace millrace::media
