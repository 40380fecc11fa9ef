// Files that begin in the middle of a group of pictures.
#include <gtest/gtest.h>

#include "../tests/recording_fixture.hpp"
#include "containers/mp4/movie.hpp"

namespace millrace::recording {
namespace {

using test::Publisher;

class LeadInTest : public test::RecordingTest {
 protected:
  std::vector<Bytes> finished() {
    std::vector<Bytes> all;
    for (const std::string& name : test::files(directory_, FileState::kFinished))
      all.push_back(test::read_file(directory_ + "/" + name));
    return all;
  }
  void end(Publisher& publisher) {
    publisher.log().end(media::LogEnd::kUnpublished);
    Recording recording = open(publisher);
    EXPECT_TRUE(run(recording).ended);
  }
  media::LogReader log_of(const Publisher& publisher) {
    const media::LogInfo info = info_of(publisher);
    return std::move(reader_->open_log(info.slot, info.publication_id, info.first).value());
  }
};

std::uint64_t sequence_of(const Bytes& file, const mp4::test::FinishedSample& sample) {
  ByteReader reader(ByteView(file).subspan(static_cast<std::size_t>(sample.offset), sample.size));
  reader.u64();
  return reader.u64();
}

// Records that are presented, of all tracks, and the time of the first.
std::map<std::uint64_t, int> presented(const Bytes& file, std::int64_t* begin_us = nullptr) {
  std::map<std::uint64_t, int> counts;
  std::int64_t begin = std::numeric_limits<std::int64_t>::max();
  const auto tracks = mp4::test::read_finished(file).value();
  for (const auto& track : tracks) {
    EXPECT_TRUE(track.samples.front().key);
    const std::int64_t delay_us =
        static_cast<std::int64_t>(track.edit.delay) * 1'000'000 / mp4::kMovieTimescale;
    for (const auto& sample : track.samples) {
      const std::int64_t at_us = mp4::test::presented_us(track, sample);
      if (at_us < delay_us) continue;
      ++counts[sequence_of(file, sample)];
      begin = std::min(begin, at_us);
    }
  }
  if (begin_us != nullptr) *begin_us = begin;
  return counts;
}

// Another sample rate behind picture 30, which is 5 behind its key frame, with the recorder killed at each
// step: the second file has those 6 again and shows what the first does not.
TEST_F(LeadInTest, NewSoundInMidGroupBeginsAFileThatCanBeDecoded) {
  for (const int step : {1, 3, 100}) {
    SCOPED_TRACE(step);
    Publisher publisher(*arena_, 40 + static_cast<std::uint64_t>(step));
    const auto turns = [&](int count) {
      for (int done = 0; done < count; done += step) {
        publisher.turns(std::min(step, count - done));
        Recording recording = open(publisher);
        run(recording);
        recording.suspend(monotonic_us());
      }
    };
    turns(30);
    publisher.begin_audio(44'100);
    turns(30);
    end(publisher);
    EXPECT_EQ(
        test::files(directory_, FileState::kFinished),
        (std::vector<std::string>{"s1-2026-11-18T11-06-40.123Z.mp4", "s1-2026-11-18T11-06-41.323Z.mp4"}));
    const std::vector<Bytes> files = finished();
    ASSERT_EQ(files.size(), 2U);
    std::map<std::uint64_t, int> all = presented(files[0]);
    EXPECT_EQ(all.size(), 91U);
    std::int64_t begin_us = 0;
    for (const auto& [sequence, count] : presented(files[1], &begin_us)) all[sequence] += count;
    EXPECT_EQ(begin_us, 0);
    EXPECT_EQ(all.size(), publisher.log().committed());
    for (const auto& [sequence, count] : all) EXPECT_EQ(count, 1) << sequence;
    EXPECT_EQ(mp4::test::read_finished(files[1]).value().at(0).samples.size(), 35U);
    test::expect_log_in_files(directory_, log_of(publisher));
    std::filesystem::remove_all(directory_);
  }
}

// A file that sound began because the picture was silent, when that goes on without a key frame: after 5 s,
// and when its key frame is further back than a file that can be presented may hide.
TEST_F(LeadInTest, ThePictureThatGoesOnInALaterFileCanBeDecoded) {
  for (const std::int64_t seconds : {5, 10}) {
    SCOPED_TRACE(seconds);
    Publisher publisher(*arena_, 50 + static_cast<std::uint64_t>(seconds));
    publisher.turns(10);
    for (std::int64_t i = 20; i < seconds * 50; ++i) publisher.sound(i);
    {
      Recording recording = open(publisher, {.duration_us = 2'000'000});
      run(recording);
      recording.suspend(monotonic_us());
    }
    publisher.picture(seconds * 90'000);
    publisher.log().end(media::LogEnd::kUnpublished);
    Recording recording = open(publisher, {.duration_us = 2'000'000});
    EXPECT_TRUE(run(recording).ended);
    const Bytes file = finished().back();
    const auto tracks = mp4::test::read_finished(file).value();
    ASSERT_EQ(tracks.size(), 2U);
    EXPECT_EQ(tracks[0].samples.size(), seconds == 5 ? 11U : 1U);
    EXPECT_EQ(tracks[0].samples.front().key, seconds == 5);
    test::expect_log_in_files(directory_, log_of(publisher));
    std::filesystem::remove_all(directory_);
  }
}

// Where the log no longer has the key frame the file begins as it can.
TEST_F(LeadInTest, BeginsWithoutAGroupThatIsGone) {
  Publisher publisher(*arena_, 49, true, 64U << 10);
  publisher.turns(30);
  {
    Recording recording = open(publisher);
    run(recording);
    recording.suspend(monotonic_us());
  }
  publisher.begin_audio(44'100);
  publisher.turns(1);
  for (int i = 0; log_of(publisher).info().first < 26 * 3 && i < 100'000; ++i) publisher.sound(62 + i);
  ASSERT_GE(log_of(publisher).info().first, 26U * 3);
  publisher.picture(32 * 3600);
  end(publisher);
  const auto tracks = mp4::test::read_finished(finished().back()).value();
  EXPECT_FALSE(tracks.at(0).samples.front().key);
}

}  // namespace
}  // namespace millrace::recording
