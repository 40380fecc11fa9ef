#include "media/part_rule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "media/part_target.hpp"

namespace millrace::media {
namespace {

constexpr std::uint32_t kTargetUs = 336'000;

PartRule::Frame picture(std::int64_t ms, std::uint64_t segment) {
  return {kVideoTrack, true, true, 90'000, ms * 90, 0, ms * 1000, segment};
}

PartRule::Frame sound(std::int64_t number, std::uint64_t segment, std::int64_t samples = 1024) {
  return {kAudioTrack, false, true, 48'000, number * samples, samples, number * samples * 1'000'000 / 48'000,
          segment};
}

// Numbers of frames that the parts have, in turn.
std::vector<int> lengths(const std::vector<std::uint32_t>& parts) {
  std::vector<int> found;
  std::uint32_t last = 0;
  for (const std::uint32_t part : parts) {
    if (part != last) found.push_back(0);
    ++found.back();
    last = part;
  }
  return found;
}

TEST(PartRule, HasNoPartsWithoutATarget) {
  PartRule rule;
  EXPECT_EQ(rule.place(picture(0, 1)), 0U);
  EXPECT_EQ(rule.place(sound(0, 1)), 0U);
  rule.end();
  EXPECT_EQ(rule.closed(), 0U);
}

// FLAC frames may say 1.5 s and come a tick apart.
TEST(PartRule, HasAQuarterOfTheTargetInEachPartWhateverFramesClaim) {
  PartRule rule(kTargetUs);
  std::uint32_t last = 0;
  for (std::int64_t tick = 0; tick < 48'000; ++tick)
    last = rule.place({kAudioTrack, false, true, 48'000, tick, 65'536, tick * 1'000'000 / 48'000, 1});
  EXPECT_LE(last, 12U) << "of a second";
}

TEST(PartRule, BeginsWithTheTarget) {
  PartRule rule;
  EXPECT_EQ(rule.place(picture(0, 1)), 0U);
  EXPECT_EQ(rule.place(sound(0, 1)), 0U);
  rule.fix(kTargetUs);
  EXPECT_EQ(rule.place(picture(2000, 2)), 1U);
  EXPECT_EQ(rule.place(sound(94, 2)), 1U);
  EXPECT_EQ(rule.closed(), 0U) << "what had no part is no part that ends";
}

TEST(PartRule, CutsWholeFramesOfEachTrackAndStartsAnewWithItsSegment) {
  PartRule rule(kTargetUs);
  std::vector<std::uint32_t> pictures;
  std::vector<std::uint32_t> sounds;
  for (int frame = 0; frame < 120; ++frame)
    pictures.push_back(rule.place(picture(std::llround(frame * 100 / 3.0), 1 + frame / 60)));
  EXPECT_EQ(lengths(pictures), std::vector<int>(12, 10));
  for (int frame = 0; frame < 94 * 2; ++frame) sounds.push_back(rule.place(sound(frame, 1 + frame / 94)));
  EXPECT_EQ(lengths(sounds), (std::vector<int>{15, 15, 15, 15, 15, 15, 4, 15, 15, 15, 15, 15, 15, 4}));
}

TEST(PartRule, ClosesPartsWhenTheFrameBehindThemComes) {
  PartRule rule(kTargetUs);
  for (int frame = 0; frame < 10; ++frame) rule.place(picture(frame * 33, 1));
  EXPECT_EQ(rule.closed(), 0U);
  rule.place(picture(333, 1));
  EXPECT_EQ(rule.closed(), 1U);
  for (int frame = 0; frame < 16; ++frame) rule.place(sound(frame, 1));
  EXPECT_EQ(rule.closed(), 2U);
  rule.place(sound(16, 2));
  EXPECT_EQ(rule.closed(), 3U) << "the picture's last frame of the segment is as long as is not known yet";
  rule.place(picture(366, 2));
  EXPECT_EQ(rule.closed(), 4U);
  rule.end();
  EXPECT_EQ(rule.closed(), 6U);
  rule.end();
  EXPECT_EQ(rule.closed(), 6U);
}

TEST(PartRule, ClosesSoundWithAnyFrameOfALaterSegment) {
  PartRule rule(kTargetUs);
  rule.place(picture(0, 1));
  rule.place(sound(0, 1));
  rule.place(picture(40, 2));
  EXPECT_EQ(rule.closed(), 2U) << "the picture's own frame closes its part, and the sound's";
  rule.place(sound(1, 2));
  EXPECT_EQ(rule.closed(), 2U);
}

TEST(PartRule, DoesNotWaitForASilentPicture) {
  const auto other_at = [](std::int64_t ms) {
    return PartRule::Frame{3, false, true, 1000, ms, 0, ms * 1000, 2};
  };
  PartRule rule(kTargetUs);
  rule.place(picture(20, 1));
  rule.place(other_at(200));
  EXPECT_EQ(rule.closed(), 0U);
  rule.place(other_at(519));
  rule.place(other_at(519 + 1));
  EXPECT_EQ(rule.closed(), 2U) << "half a second after the picture, and sound's own first part";
  rule.place(picture(600, 2));
  EXPECT_EQ(rule.closed(), 2U);
}

TEST(PartRule, BeginsAPartWithALateFrame) {
  PartRule rule(kTargetUs);
  for (int frame = 0; frame < 5; ++frame) EXPECT_EQ(rule.place(picture(frame * 67, 1)), 1U);
  EXPECT_EQ(rule.place(picture(900, 1)), 2U);
  EXPECT_EQ(rule.place(picture(967, 1)), 2U);
}

// One picture of fifteen a second is missing: what comes after it is not taken for as long.
TEST(PartRule, KeepsTheGridOverAMissingPicture) {
  PartRule rule(kTargetUs);
  std::vector<std::uint32_t> parts;
  for (int frame = 0; frame < 30; ++frame) {
    if (frame != 12) parts.push_back(rule.place(picture(std::llround(frame * 200 / 3.0), 1)));
  }
  EXPECT_EQ(lengths(parts), (std::vector<int>{5, 5, 4, 5, 5, 5}));
}

TEST(PartRule, BeginsAPartWhereTheTimescaleChanges) {
  PartRule rule(kTargetUs);
  EXPECT_EQ(rule.place(sound(0, 1)), 1U);
  EXPECT_EQ(rule.place({kAudioTrack, false, true, 44'100, 941, 1024, 21'333, 1}), 2U);
  EXPECT_EQ(rule.place({kAudioTrack, false, true, 44'100, 1965, 1024, 44'557, 1}), 2U);
}

// --- properties ---

struct Placed {
  PartRule::Frame frame;
  std::uint32_t part = 0;
};

// Every part but a segment's last: its frames and its length.
struct Lengths {
  std::int64_t longest_us = 0;
  std::int64_t shortest_us = 1'000'000'000;  // of those that are not the last of a segment
};

Lengths lengths_of(const std::vector<Placed>& track) {
  Lengths found;
  std::size_t begin = 0;
  for (std::size_t i = 1; i < track.size(); ++i) {
    EXPECT_LE(track[i].part - track[i - 1].part, 1U);
    const bool segment = track[i].frame.media_sequence != track[begin].frame.media_sequence;
    if (segment) {
      EXPECT_NE(track[i].part, track[i - 1].part);
    }
    if (track[i].part == track[begin].part) continue;
    const std::int64_t length_us =
        (track[i].frame.dts - track[begin].frame.dts) * 1'000'000 / track[i].frame.timescale;
    if (track[begin].part != 0) {
      found.longest_us = std::max(found.longest_us, length_us);
      if (!segment) found.shortest_us = std::min(found.shortest_us, length_us);
    }
    begin = i;
  }
  return found;
}

// A track of pictures at these times, cut every two seconds; the target from its first segment.
struct Cut {
  std::uint32_t target_us = 0;
  std::vector<Placed> placed;
};

Cut cut_of(const std::vector<std::int64_t>& times_ms, std::uint32_t wanted_ms) {
  FirstFrames first;
  PartRule rule;
  Cut cut;
  for (const std::int64_t ms : times_ms) {
    PartRule::Frame frame = picture(ms, 1 + static_cast<std::uint64_t>(ms) / 2000);
    if (frame.media_sequence == 1) {
      first.add({kVideoTrack, true, true, 90'000, frame.dts, 0});
    } else if (cut.target_us == 0) {
      cut.target_us = first.choose({wanted_ms * 1000, 2'000'000}, frame.time_us);
      if (cut.target_us == 0) return cut;
      rule.fix(cut.target_us);
    }
    cut.placed.push_back({frame, rule.place(frame)});
  }
  return cut;
}

TEST(PartRule, KeepsEvenTracksBetween85And100Percent) {
  for (const double rate : {2.0, 7.0, 10.0, 12.5, 15.0, 24 / 1.001, 24.0, 25.0, 29.0, 30.0, 48.0, 30 / 1.001,
                            50.0, 60 / 1.001, 60.0, 90.0, 120.0}) {
    for (int phase = 0; phase < 10; ++phase) {
      for (const std::uint32_t wanted_ms : {100U, 200U, 333U, 500U, 1000U}) {
        std::vector<std::int64_t> times;
        for (int frame = 0; frame < 60 * rate; ++frame)
          times.push_back(std::llround(frame * 1000 / rate + phase / 10.0));
        const Cut result = cut_of(times, wanted_ms);
        if (result.target_us == 0) {
          EXPECT_LT(rate, 16) << wanted_ms;
          continue;
        }
        const Lengths found = lengths_of(result.placed);
        EXPECT_LE(found.longest_us, result.target_us) << rate << ' ' << phase << ' ' << wanted_ms;
        EXPECT_GE(found.shortest_us * 100, result.target_us * std::int64_t{85})
            << rate << ' ' << phase << ' ' << wanted_ms;
      }
    }
  }
}

// Steps anywhere from 10 to 50 ms, in any order, and again a picture that is missing.
TEST(PartRule, KeepsFineUnevenTracksBetween85And100Percent) {
  std::mt19937 random(3);
  for (int turn = 0; turn < 40; ++turn) {
    const auto shortest = static_cast<std::int64_t>(10 + random() % 30);
    std::vector<std::int64_t> times = {0};
    while (times.back() < 60'000) {
      // Two of the longest ones in the first segment, so that they are known.
      const bool is_known = times.size() < 3 || random() % 4 == 0;
      times.push_back(times.back() +
                      (is_known ? 50 : shortest + static_cast<std::int64_t>(random() % (51 - shortest))));
    }
    const Cut result = cut_of(times, 333);
    ASSERT_NE(result.target_us, 0U);
    const Lengths found = lengths_of(result.placed);
    EXPECT_GE(found.shortest_us * 100, result.target_us * std::int64_t{85}) << turn;
    // A frame that is longer than the last ones were is a late surprise; not by more than it is.
    EXPECT_LE(found.longest_us, result.target_us + 40'000) << turn;
  }
}

TEST(PartRule, CutsTheSameFromTheSameFrames) {
  std::mt19937 random(5);
  for (int turn = 0; turn < 20; ++turn) {
    PartRule first(kTargetUs);
    PartRule second(kTargetUs);
    std::int64_t ms = 0;
    for (int i = 0; i < 2000; ++i) {
      ms += 1 + static_cast<std::int64_t>(random() % 60);
      const auto segment = static_cast<std::uint64_t>(ms / 2000);
      const auto frame = random() % 2 == 0 ? picture(ms, segment) : sound(i, segment);
      ASSERT_EQ(first.place(frame), second.place(frame));
    }
    first.end();
    second.end();
    EXPECT_EQ(first.closed(), second.closed());
  }
}

// All parts that began are closed once, whatever comes.
TEST(PartRule, ClosesEveryPartOnce) {
  std::mt19937 random(11);
  for (int turn = 0; turn < 50; ++turn) {
    PartRule rule(kTargetUs);
    std::map<std::uint8_t, std::uint32_t> newest;
    std::map<std::uint8_t, std::int64_t> times;
    std::uint64_t segment = 1;
    std::uint64_t closed = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto track = static_cast<std::uint8_t>(random() % 4);
      std::int64_t& ms = times[track];
      ms += 1 + static_cast<std::int64_t>(random() % (random() % 50 == 0 ? 2000 : 70));
      if (random() % 60 == 0) ++segment;
      newest[track] = rule.place({track, track % 2 == 0, random() % 100 != 0, 1000, ms,
                                  random() % 2 == 0 ? 20 : 0, ms * 1000, segment});
      EXPECT_GE(rule.closed(), closed);
      closed = rule.closed();
    }
    rule.end();
    std::uint64_t begun = 0;
    for (const auto& [track, part] : newest) begun += part;
    EXPECT_EQ(rule.closed(), begun);
  }
}

}  // namespace
}  // namespace millrace::media
