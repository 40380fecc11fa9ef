#include "publication/change_budget.hpp"

#include <gtest/gtest.h>

#include <string>

#include "publication/track_format.hpp"

namespace millrace::publication {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 1'000'000 * kSecond;  // of a machine that has run for days

// A letter per configuration. A, B: AAC of 44.1 kHz with two channels, of 48 kHz with one; a: as A, in other
// words; X: nothing that a file holds.
TrackFormat sound(char letter, std::uint8_t track) {
  Bytes header{0x12, 0x10};
  if (letter == 'B') header = {0x11, 0x88};
  if (letter == 'a') header = {0x12, 0x10, 0x56, 0xE5, 0x00};
  TrackFormat format = format_of_header(media::Codec::kAac, header).value();
  if (letter == 'X') format.configuration.clear();
  format.description.track = track;
  return format;
}

// H.264 of 320x180: as many configurations as there are bytes.
TrackFormat picture(std::uint8_t number) {
  const Bytes avcc{0x01, 0x42, 0xC0, 0x0D, 0xFF, 0xE1, 0x00, 0x19, 0x67, 0x42, 0xC0, 0x0D, 0xD9,  0x01,
                   0x41, 0x9F, 0x9E, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03,  0xC0,
                   0xF1, 0x42, 0xA4, 0xE0, 0x00, 0x01, 0x00, 0x05, 0x68, 0xCB, 0x83, 0xCB, number};
  return format_of_header(media::Codec::kH264, avcc).value();
}

std::string times(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// What becomes of configurations that come so long after one another: + taken, - not.
std::string run(ChangeBudget& budget, std::string_view letters, std::int64_t every_us,
                std::int64_t begin_us = kStart, std::uint8_t track = media::kAudioTrack) {
  std::string taken;
  for (const char letter : letters) {
    const TrackFormat format = sound(letter, track);
    const std::int64_t now_us = begin_us + static_cast<std::int64_t>(taken.size()) * every_us;
    const bool allowed = budget.allows(format.description, format.configuration, now_us);
    EXPECT_EQ(budget.take(format.description, format.configuration, now_us), allowed);
    taken.push_back(allowed ? '+' : '-');
  }
  return taken;
}

TEST(ChangeBudget, TakesSoManyAtOnceAndThenOneInAWhile) {
  const std::string whole = times("+", 1 + ChangeBudget::kTrackChanges);
  const struct {
    const char* name;
    std::string letters;
    std::int64_t every_us;
    std::string taken;
  } cases[] = {
      {"one a frame", times("AB", 8), 20'000, whole + "-+-+-"},
      {"back to the one in force", "ABABABABABABAAABA", 20'000, whole + "-+++-+"},
      {"the refused one comes again and again", "ABABABABABA" + times("B", 12) + "A", kSecond / 4,
       whole + times("-", 10) + "++-"},
      {"one in five seconds", times("AB", 50), 5 * kSecond, times("+", 100)},
      {"the same in other words", times("Aa", 50), 20'000, times("+", 100)},
      {"one that no file holds", times("AX", 12), 20'000, times("+", 21) + "-+-"},
  };
  for (const auto& c : cases) {
    ChangeBudget budget;
    EXPECT_EQ(run(budget, c.letters, c.every_us), c.taken) << c.name;
  }
}

TEST(ChangeBudget, IsWholeAgainAfterAPause) {
  ChangeBudget budget;
  const std::string letters = times("AB", 6);
  const std::string whole = times("+", 11) + "-";
  EXPECT_EQ(run(budget, letters, 0), whole);
  EXPECT_EQ(run(budget, letters, 0, kStart + ChangeBudget::kTrackChanges * ChangeBudget::kTrackChangeEveryUs),
            whole);
  EXPECT_FALSE(budget.allows(sound('B', 1).description, sound('B', 1).configuration, kStart))
      << "a clock that steps back gives nothing";
}

TEST(ChangeBudget, TakesOtherParameterSetsOfTheSamePictureAsFarAsAFileDoes) {
  constexpr std::int64_t kEveryUs = 2 * kSecond;
  ChangeBudget budget;
  const auto take = [&](std::uint8_t number, std::int64_t now_us) {
    const TrackFormat format = picture(number);
    return budget.take(format.description, format.configuration, now_us);
  };
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(take(i % 2 == 0 ? 0x20 : 0x21, kStart)) << i;
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(take(static_cast<std::uint8_t>(i % 256), kStart + i * kEveryUs))
        << "others every time: " << i;
  int taken = 0;
  const std::int64_t later_us = kStart + 10'000 * kSecond;
  for (int i = 0; i < 1000; ++i) taken += take(static_cast<std::uint8_t>(i % 256), later_us) ? 1 : 0;
  EXPECT_LT(taken, 400) << "each file takes sixteen";
}

TEST(ChangeBudget, HoldsForAllTracksTogether) {
  ChangeBudget budget;
  std::string taken;
  for (std::uint8_t track = 3; track < 8; ++track) taken += run(budget, "ABABAB", 0, kStart, track);
  EXPECT_EQ(std::string_view(taken).substr(0, 24), times("+", 24)) << "five changes of each of four";
  EXPECT_EQ(std::string_view(taken).substr(24), "+-+-+-") << "of the fifth its first";
}

}  // namespace
}  // namespace millrace::publication
