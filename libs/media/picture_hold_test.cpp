#include "media/picture_hold.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::media {
namespace {

constexpr std::uint8_t kOther = 3;

// A picture, as its encoder sends it; "0" and "3" are tracks, "k" a key frame.
struct Sent {
  std::uint8_t track;
  bool key;
  std::uint32_t timestamp_ms;
  std::int32_t composition_offset_ms = 0;
  std::int64_t arrival_ms = 0;  // 0: when it is due
};

// What is written, in order: "0k1000 3k1000".
std::string written(const std::vector<Sent>& all, std::uint32_t from_ms = 0) {
  PictureHold hold;
  std::array<std::vector<std::string>, kMaxTracks> waiting;
  std::string out;
  const auto put = [&out](const std::string& text) { out += (out.empty() ? "" : " ") + text; };
  for (const Sent& sent : all) {
    const std::int64_t arrival_us =
        (sent.arrival_ms != 0 ? sent.arrival_ms : std::int64_t{sent.timestamp_ms}) * 1000;
    const std::string text =
        std::to_string(sent.track) + (sent.key ? "k" : "p") + std::to_string(sent.timestamp_ms);
    const bool held = hold.take(
        {sent.track, sent.timestamp_ms + from_ms, sent.composition_offset_ms, sent.key, arrival_us});
    if (held) {
      waiting[sent.track].push_back(text);
    } else {
      put(text);
    }
    while (const auto track = hold.next(arrival_us)) {
      put(waiting[*track].front());
      waiting[*track].erase(waiting[*track].begin());
    }
  }
  for (const auto& track : waiting) {
    for (const std::string& text : track) put("(" + text + ")");
  }
  return out;
}

TEST(PictureHold, LetsAKeyFrameWaitForTheFirstTrack) {
  const struct {
    const char* name;
    std::vector<Sent> sent;
    const char* written;
  } cases[] = {
      {"the first track first",
       {{0, false, 960}, {kOther, false, 960}, {0, true, 1000}, {kOther, true, 1000}, {0, false, 1040}},
       "0p960 3p960 0k1000 3k1000 0p1040"},
      {"the other track first",
       {{0, false, 960}, {kOther, false, 960}, {kOther, true, 1000}, {0, true, 1000}, {kOther, false, 1040}},
       "0p960 3p960 0k1000 3k1000 3p1040"},
      {"and a picture ahead",
       {{0, false, 960}, {kOther, true, 1000}, {kOther, false, 1040}, {0, true, 1000}, {0, false, 1040}},
       "0p960 0k1000 3k1000 3p1040 0p1040"},
      {"by stamps that are rounded differently",
       {{0, false, 960}, {kOther, true, 1001}, {0, true, 1000}, {kOther, false, 1041}, {0, false, 1040}},
       "0p960 0k1000 0p1040 3k1001 3p1041"},
      {"decoded before it is shown, the first is not",
       {{0, false, 880},
        {kOther, true, 920, 80},
        {0, false, 920},
        {kOther, false, 960, 80},
        {0, false, 960},
        {0, true, 1000}},
       "0p880 0p920 0p960 0k1000 3k920 3p960"},
      {"both decoded before they are shown",
       {{0, false, 880, 80}, {kOther, true, 920, 80}, {0, true, 920, 80}, {0, false, 960, 80}},
       "0p880 0k920 3k920 0p960"},
      {"no key frame of the first track there",
       {{0, false, 960}, {kOther, true, 1000}, {0, false, 1000}, {kOther, false, 1040}},
       "0p960 0p1000 3k1000 3p1040"},
      {"no key frame", {{0, false, 960}, {kOther, false, 1000}, {0, true, 1000}}, "0p960 3p1000 0k1000"},
      {"before the first track has begun", {{kOther, true, 0}, {0, true, 0}}, "3k0 0k0"},
      {"the first track is silent",
       {{0, false, 960}, {kOther, true, 1500}, {kOther, false, 1540}},
       "0p960 3k1500 3p1540"},
      {"the first track falls silent",
       {{0, false, 960}, {kOther, true, 1000}, {kOther, false, 1499}, {kOther, false, 1500}},
       "0p960 3k1000 3p1499 3p1500"},
      {"another clock", {{0, false, 960}, {kOther, true, 90'000, 0, 980}}, "0p960 3k90000"},
      {"its own clock steps back",
       {{0, false, 60'000, 0, 1000},
        {0, true, 0, 0, 1040},
        {kOther, true, 40, 0, 1041},
        {0, false, 40, 0, 1080}},
       "0p60000 0k0 0p40 3k40"},
  };
  for (const auto& c : cases) {
    // Also where 32 bits of milliseconds end.
    for (const std::uint32_t from_ms : {0U, 0U - 1000U}) {
      EXPECT_EQ(written(c.sent, from_ms), c.written) << c.name << " from " << from_ms;
    }
  }
}

TEST(PictureHold, HoldsABoundedNumber) {
  PictureHold hold;
  hold.take({kVideoTrack, 0, 0, true, 0});
  EXPECT_TRUE(hold.take({kOther, 400, 0, true, 1}));
  for (std::size_t i = 1; i < PictureHold::kMostHeld; ++i) EXPECT_TRUE(hold.take({kOther, 400, 0, false, 1}));
  EXPECT_FALSE(hold.next(1));
  EXPECT_TRUE(hold.take({kOther, 401, 0, false, 1}));
  EXPECT_EQ(hold.next(1), kOther);
  EXPECT_EQ(hold.release(kOther), PictureHold::kMostHeld);
  EXPECT_FALSE(hold.next(1));
  EXPECT_EQ(hold.release(kOther), 0U);
}

}  // namespace
}  // namespace millrace::media
