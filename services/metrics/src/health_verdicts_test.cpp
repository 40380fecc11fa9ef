// What is said of streams, from the messages that come to the verdict: ingest's own counting, its statistics
// once a second, the aggregation's judgement. A good stream is at 100 all the time; a bad one is below 50 and
// its reason named within 20 s.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "aggregation.hpp"
#include "media/media_pace.hpp"
#include "media/pause_meter.hpp"

namespace millrace::metrics {
namespace {

constexpr std::int64_t kMs = 1000;
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStart = 5000 * kSecond;
constexpr int kLength = 60;         // seconds of a stream
constexpr int kMade = kLength + 5;  // that are made, as some come early

// Of the media that was made at so many microseconds: when it comes (both count from the stream's begin);
// negative: never.
using Line = std::function<std::int64_t(std::int64_t made_us)>;

struct Case {
  const char* what;
  double fps = 30;  // 0: no picture
  bool sound = true;
  double gop_seconds = 2;
  Line line{};                            // of all
  Line picture{};                         // of the picture; otherwise as all
  std::function<bool(int frame)> left{};  // out
  std::vector<std::int64_t> steps_ms{};   // instead of fps, again and again
  double declared = 0;
  std::function<double(int second)> size{};  // of a message, by the usual one
  std::function<std::uint64_t(int second)> jumps{};
  int silent_from = kLength + 1;  // ingest
  int bad_from = 0;               // second
  const char* reason = nullptr;
};

struct Message {
  std::int64_t at_us;
  std::int64_t media_us;
  bool video;
  bool key;
};

std::vector<Message> messages_of(const Case& stream) {
  std::vector<Message> messages;
  const auto add = [&](std::int64_t made_us, bool video, bool key) {
    const Line& line = video && stream.picture ? stream.picture : stream.line;
    const std::int64_t at_us = line ? line(made_us) : made_us;
    if (at_us >= 0) messages.push_back({at_us, made_us, video, key});
  };
  const double step_ms = stream.fps > 0 ? 1000 / stream.fps : 0;
  std::int64_t next_key_us = 0;
  std::int64_t stepped_ms = 0;
  for (int frame = 0; step_ms > 0; ++frame) {
    // Stamps are whole milliseconds.
    std::int64_t ms = static_cast<std::int64_t>(frame * step_ms);
    if (!stream.steps_ms.empty()) {
      ms = stepped_ms;
      stepped_ms += stream.steps_ms[static_cast<std::size_t>(frame) % stream.steps_ms.size()];
    }
    if (ms >= kMade * 1000) break;
    const bool key = ms * kMs >= next_key_us;
    if (stream.left && stream.left(frame)) continue;
    if (key) next_key_us += static_cast<std::int64_t>(stream.gop_seconds * 1e6);
    add(ms * kMs, true, key);
  }
  for (int frame = 0; stream.sound && frame * 1024LL < kMade * 48'000LL; ++frame)
    add(frame * 1'024'000LL / 48'000 * kMs, false, false);
  std::stable_sort(messages.begin(), messages.end(),
                   [](const Message& a, const Message& b) { return a.at_us < b.at_us; });
  return messages;
}

stream::v1::StreamPublished published(const Case& stream) {
  stream::v1::StreamPublished event;
  event.set_stream_id("cam1");
  event.set_publication_id(7);
  if (stream.fps > 0) {
    stream::v1::Track& video = *event.add_tracks();
    video.set_codec("avc1.64001f");
    video.set_width(1280);
    video.set_height(720);
  }
  if (stream.sound) event.add_tracks()->set_codec("mp4a.40.2");
  return event;
}

// What was said at each second's beat.
struct Verdict {
  double second;
  double score;
  std::vector<std::string> reasons;
};

class Rig {
 public:
  Rig(const Case& stream, double statistics_phase, double beat_phase)
      : stream_(stream), messages_(messages_of(stream)) {
    pace_.declare(stream.declared);
    aggregation_.stream_published("0", published(stream));
    const auto at = [](int second, double phase) {
      return second * kSecond + static_cast<std::int64_t>(phase * 1e6);
    };
    for (int second = 0; second < kLength; ++second) {
      const std::int64_t told_us = at(second, statistics_phase);
      const std::int64_t beat_us = at(second, beat_phase);
      if (told_us <= beat_us) tell(told_us, second);
      beat(beat_us);
      if (told_us > beat_us) tell(told_us, second);
    }
  }
  std::vector<Verdict> verdicts;

 private:
  void tell(std::int64_t now_us, int second) {
    for (; next_ < messages_.size() && messages_[next_].at_us <= now_us; ++next_) take(messages_[next_]);
    if (second >= stream_.silent_from) return;
    stream::v1::StreamStatistics event;
    event.set_stream_id("cam1");
    event.set_publication_id(7);
    event.set_received_bytes(static_cast<std::uint64_t>(bytes_));
    event.set_video_frames(pictures_);
    event.set_audio_frames(sounds_);
    event.set_timestamp_jumps(stream_.jumps ? stream_.jumps(second) : 0);
    event.set_frame_gaps(pace_.frame_gaps());
    event.set_frame_duration_us(pace_.frame_duration_us());
    event.set_longest_frame_us(pace_.longest_frame_us());
    event.set_last_key_interval_us(pace_.key_interval_us());
    event.set_since_key_us(pace_.since_key_us());
    event.set_interleaving_us(pace_.interleaving_us());
    event.set_media_time_us(pace_.media_time_us());
    event.set_video_time_us(pace_.video_time_us());
    event.set_longest_pause_us(pauses_.take(kStart + now_us));
    event.set_measured_monotonic_us(kStart + now_us);
    aggregation_.stream_statistics(event, WallTime::from_us(now_us));
  }
  void take(const Message& message) {
    pauses_.arrived(kStart + message.at_us);
    const int second = static_cast<int>(message.media_us / kSecond);
    bytes_ += (message.video ? 12'000 : 300) * (stream_.size ? stream_.size(second) : 1);
    message.video ? pace_.video(message.media_us, message.key, true) : pace_.audio(message.media_us);
    ++(message.video ? pictures_ : sounds_);
  }
  void beat(std::int64_t now_us) {
    aggregation_.judge(kStart + now_us, WallTime::from_us(now_us));
    const StreamReport row = aggregation_.report(kStart + now_us).streams.at(0);
    Verdict verdict{static_cast<double>(now_us) / 1e6, row.health_score, {}};
    for (const std::string_view reason : health_reasons(row.health_reasons))
      verdict.reasons.emplace_back(reason);
    verdicts.push_back(std::move(verdict));
  }

  const Case& stream_;
  const std::vector<Message> messages_;
  std::size_t next_ = 0;
  double bytes_ = 0;
  std::uint64_t pictures_ = 0;
  std::uint64_t sounds_ = 0;
  media::MediaPace pace_;
  media::PauseMeter pauses_;
  Aggregation aggregation_;
};

std::string text_of(const Verdict& verdict) {
  std::string text = std::to_string(verdict.second) + " s: " + std::to_string(verdict.score);
  for (const std::string& reason : verdict.reasons) text += " " + reason;
  return text;
}

// The beat and ingest's statistics fall as they may; the beat may well come before the first of them.
constexpr std::pair<double, double> kPhases[] = {{0.05, 0.95}, {0.5, 0.4}, {0.95, 0.05}, {0.3, 0.31}};

// --- lines ---

// Late by up to so much, another time in each half second.
Line jitter(std::int64_t most_us) {
  return [most_us](std::int64_t made_us) {
    const std::int64_t begin_us = made_us / 500'000 * 500'000;
    std::uint64_t state = static_cast<std::uint64_t>(begin_us) * 0x9E3779B97F4A7C15U + 1;
    state ^= state >> 29, state *= 0xBF58476D1CE4E5B9U, state ^= state >> 32;
    return std::max(made_us,
                    begin_us + static_cast<std::int64_t>(state % static_cast<std::uint64_t>(most_us)));
  };
}
// Nothing for pause_us, then what was held up, every period_us.
Line held(std::int64_t pause_us, std::int64_t period_us) {
  return [=](std::int64_t made_us) {
    const std::int64_t begin_us = made_us / period_us * period_us;
    return std::max(made_us, begin_us + pause_us);
  };
}
Line speed(double factor, int from = 0) {
  return [=](std::int64_t made_us) {
    const std::int64_t from_us = from * kSecond;
    if (made_us < from_us) return made_us;
    return from_us + static_cast<std::int64_t>(static_cast<double>(made_us - from_us) / factor);
  };
}
Line until(int second) {
  return [=](std::int64_t made_us) { return made_us < second * kSecond ? made_us : -1; };
}
Line later(std::int64_t us) {
  return [=](std::int64_t made_us) { return made_us + us; };
}

std::vector<std::int64_t> swinging() {
  std::vector<std::int64_t> steps(300, 33);
  steps.insert(steps.end(), 75, 133);
  return steps;
}

const Case kGood[] = {
    {.what = "30 fps with sound"},
    {.what = "25 fps alone", .fps = 25, .sound = false},
    {.what = "23.976 fps", .fps = 23.976},
    {.what = "29.97 fps", .fps = 29.97},
    {.what = "24 fps, a key frame every 4 s", .fps = 24, .gop_seconds = 4},
    {.what = "50 fps, a key frame every 4 s", .fps = 50, .gop_seconds = 4},
    {.what = "60 fps", .fps = 60},
    {.what = "120 fps", .fps = 120},
    {.what = "10 fps", .fps = 10},
    {.what = "5 fps alone", .fps = 5, .sound = false},
    {.what = "2 fps with sound: slides", .fps = 2},
    {.what = "1 fps with sound", .fps = 1},
    {.what = "1 fps alone: a camera at night", .fps = 1, .sound = false},
    {.what = "a picture every 2 s, with sound", .fps = 0.5},
    {.what = "60 fps that are 45: a phone", .steps_ms = {17, 17, 33}},
    {.what = "30 fps for 10 s, 7.5 fps for 10 s", .steps_ms = swinging()},
    {.what = "sound alone", .fps = 0},
    {.what = "up to 0.4 s late", .line = jitter(400 * kMs)},
    {.what = "in bursts of a fifth of a second", .line = held(200 * kMs, 200 * kMs)},
    {.what = "60 fps, 1 in 200 missing, a millisecond's jitter",
     .fps = 60,
     .line = jitter(2 * kMs),
     .left = [](int frame) { return frame % 200 == 100; }},
    {.what = "3 s of backlog at the start",
     .line = [](std::int64_t made_us) { return std::max<std::int64_t>(made_us - 3 * kSecond, 0); }},
    {.what = "an encoder's clock that is 0.2 % slow", .line = speed(0.998)},
    {.what = "a quiet scene", .size = [](int second) { return second > 30 ? 0.4 : 1.0; }},
    {.what = "sound sent 0.15 s ahead", .picture = later(150 * kMs)},
};

const Case kBad[] = {
    {.what = "half of real time", .line = speed(0.5), .reason = "slower_than_real_time"},
    {.what = "half from second 25 on",
     .line = speed(0.5, 25),
     .bad_from = 25,
     .reason = "slower_than_real_time"},
    {.what = "70 % of real time", .line = speed(0.7), .reason = "slower_than_real_time"},
    {.what = "sound alone, half", .fps = 0, .line = speed(0.5), .reason = "slower_than_real_time"},
    {.what = "60 fps alone at 40 %",
     .fps = 60,
     .sound = false,
     .line = speed(0.4),
     .reason = "slower_than_real_time"},
    {.what = "half of the frames a second", .line = speed(0.5), .reason = "low_frame_rate"},
    {.what = "2.5 s nothing, 2.5 s at once", .line = held(2500 * kMs, 5 * kSecond), .reason = "pauses"},
    {.what = "1.5 s nothing in 3 s", .line = held(1500 * kMs, 3 * kSecond), .reason = "pauses"},
    {.what = "4 s nothing in 6 s, sound alone",
     .fps = 0,
     .line = held(4 * kSecond, 6 * kSecond),
     .reason = "pauses"},
    {.what = "the picture stands 2 s in 4 s",
     .picture = held(2 * kSecond, 4 * kSecond),
     .reason = "unsteady_frame_rate"},
    {.what = "the camera is switched off", .picture = until(25), .bad_from = 25, .reason = "no_video"},
    {.what = "the sound ends", .line = until(25), .picture = later(0), .bad_from = 25, .reason = "no_audio"},
    {.what = "nothing comes any more", .line = until(25), .bad_from = 25, .reason = "stalled"},
    {.what = "ingest is silent", .silent_from = 25, .bad_from = 25, .reason = "no_statistics"},
    {.what = "a tenth of the frames is missing",
     .left = [](int frame) { return frame % 10 == 7; },
     .declared = 30,
     .reason = "dropped_frames"},
    {.what = "a third of them, undeclared",
     .left = [](int frame) { return frame * 7 % 30 >= 26; },
     .reason = "dropped_frames"},
    {.what = "a quarter of the declared ones",
     .left = [](int frame) { return frame % 4 == 3; },
     .declared = 30,
     .reason = "dropped_frames"},
    {.what = "a second of every 2 s is left out until the key frame",
     .left = [](int frame) { return frame % 60 >= 30; },
     .reason = "dropped_frames"},
    {.what = "no second key frame", .gop_seconds = 1000, .reason = "long_key_interval"},
    {.what = "a key frame every 20 s", .gop_seconds = 20, .reason = "long_key_interval"},
    {.what = "sound sent 4 s ahead", .picture = later(4 * kSecond), .reason = "interleaving"},
    {.what = "the picture sent 4 s ahead",
     .line = later(4 * kSecond),
     .picture = later(0),
     .reason = "interleaving"},
    {.what = "stamps that jump every 3 s",
     .jumps = [](int second) { return static_cast<std::uint64_t>(second / 3); },
     .reason = "timestamp_jumps"},
};

TEST(HealthVerdicts, AGoodStreamIsAt100AllTheTime) {
  static_assert(std::size(kGood) >= 20);
  for (const Case& stream : kGood) {
    for (const auto& [statistics, beat] : kPhases) {
      for (const Verdict& verdict : Rig(stream, statistics, beat).verdicts)
        EXPECT_EQ(verdict.score, 100) << stream.what << ", " << text_of(verdict);
    }
  }
}

TEST(HealthVerdicts, ABadStreamIsBelow50WithItsReasonWithin20Seconds) {
  static_assert(std::size(kBad) >= 20);
  for (const Case& stream : kBad) {
    for (const auto& [statistics, beat] : kPhases) {
      bool found = false;
      for (const Verdict& verdict : Rig(stream, statistics, beat).verdicts) {
        const bool named =
            std::find(verdict.reasons.begin(), verdict.reasons.end(), stream.reason) != verdict.reasons.end();
        if (verdict.second < stream.bad_from) {
          EXPECT_EQ(verdict.score, 100) << stream.what << ", " << text_of(verdict);
        }
        if (verdict.second <= stream.bad_from + 20) found = found || (named && verdict.score < 50);
        if (verdict.second > stream.bad_from + 20 && verdict.second < 45) {
          EXPECT_LT(verdict.score, 50) << stream.what << ", " << text_of(verdict);
        }
      }
      EXPECT_TRUE(found) << stream.what << ": no " << stream.reason << " below 50 within 20 s";
    }
  }
}

}  // namespace
}  // namespace millrace::metrics
