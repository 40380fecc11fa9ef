#include "containers/mp4/fragment.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/testing/streams.hpp"

namespace millrace::mp4 {
namespace {

struct Case {
  const char* name;
  std::vector<TrackRun> runs;
};

std::vector<Case> cases() {
  constexpr std::uint64_t kLate = 1ULL << 40;  // half a year of 90 kHz
  return {
      {"a group of pictures", {test::video_run(0, 0)}},
      {"video and audio", {test::video_run(1, kLate), test::audio_run(kLate, 9)}},
      {"one sample", {test::audio_run(5, 1)}},
      {"durations that differ", {{1, 0, {{10, 1, 0, true}, {11, 2, 0, true}}}}},
      {"no key frame", {{1, 0, {{10, 1, 0, false}, {10, 2, 0, false}}}}},
      {"another sample description", {{1, 0, {{10, 1, 0, true}}, 2}, {2, 0, {{10, 1, 0, true}}, 16}}},
      {"an open GOP's I picture in front", {{1, 0, {{10, 1, 0, false, true}, {10, 2, 0, false}}}}},
      {"I pictures of open GOPs only", {{1, 0, {{10, 1, 0, false, true}, {10, 2, 0, false, true}}}}},
      {"all three kinds", {{1, 0, {{1, 1, 0, true}, {1, 1, 0, false}, {1, 1, 0, false, true}}}}},
      {"an empty sample", {{1, 0, {{10, 0, 0, true}}}}},
      {"composition offsets at their limits",
       {{1,
         0,
         {{1, 1, std::numeric_limits<std::int32_t>::min(), true},
          {1, 1, std::numeric_limits<std::int32_t>::max(), false},
          {1, 1, -1, false}}}}},
  };
}

// moof's payload.
ByteView moof_of(const Bytes& header) {
  BoxReader reader(ByteView(header).first(header.size() - 8));
  const auto moof = reader.next();
  return moof && moof->type == four_cc("moof") ? moof->payload : ByteView{};
}

TEST(Fragment, IsThereWithoutSamples) {
  const Bytes segment = empty_segment(7, 2, 1ULL << 33);
  BoxReader reader{ByteView(segment)};
  for (const char* const type : {"styp", "moof", "mdat"}) {
    const auto box = reader.next();
    ASSERT_TRUE(box) << type;
    EXPECT_EQ(box->type, four_cc(type));
    if (box->type == four_cc("mdat")) {
      EXPECT_TRUE(box->payload.empty());
    }
    if (box->type != four_cc("moof")) continue;
    BoxReader moof(box->payload);
    EXPECT_EQ(moof.next()->type, four_cc("mfhd"));
    BoxReader traf(moof.next()->payload);
    EXPECT_EQ(traf.next()->type, four_cc("tfhd"));
    EXPECT_EQ(traf.next()->type, four_cc("tfdt"));
    EXPECT_FALSE(traf.next()) << "no run";
  }
}

TEST(Fragment, ReadsAsItWasWritten) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Bytes header = fragment_header(77, c.runs);
    const auto read = read_fragment(moof_of(header));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->sequence_number, 77U);
    EXPECT_EQ(read->runs, c.runs);
    std::uint64_t payload = 0;
    for (const TrackRun& run : c.runs) {
      for (const FragmentSample& sample : run.samples) payload += sample.size;
    }
    EXPECT_EQ(read->payload_size, payload);
    const auto mdat = read_box_header(ByteView(header).last(8));
    ASSERT_TRUE(mdat);
    EXPECT_EQ(mdat->type, four_cc("mdat"));
    EXPECT_EQ(mdat->size, payload + 8);
  }
}

// ISO/IEC 14496-12 8.8.3.1: an open GOP's I picture depends on no other, and is not a sync sample.
TEST(Fragment, SaysOfEachSampleWhetherDecodingCanBeginThere) {
  const std::vector<TrackRun> runs = {{1, 0, {{1, 1, 0, true}, {1, 1, 0, false, true}, {1, 1, 0, false}}}};
  const Bytes header = fragment_header(1, runs);
  const auto trun = find_box(moof_of(header), {"traf", "trun"});
  ASSERT_TRUE(trun);
  EXPECT_EQ(Bytes(trun->begin() + 12, trun->end()),
            test::from_hex("0000000102000000"     // size, flags
                           "0000000102010000"     // depends on no other, not sync
                           "0000000101010000"));  // depends on others, not sync
}

TEST(Fragment, LeavesRunsWithoutSamplesOut) {
  const std::vector<TrackRun> runs = {{1, 3, {}}, test::audio_run(0, 2)};
  const auto read = read_fragment(moof_of(fragment_header(1, runs)));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->runs.size(), 1U);
  EXPECT_EQ(read->runs[0], runs[1]);
}

TEST(Fragment, IsRefusedCutOffAnywhere) {
  for (const Case& c : cases()) {
    const Bytes header = fragment_header(1, c.runs);
    const Bytes moof(moof_of(header).begin(), moof_of(header).end());
    for (std::size_t size = 0; size < moof.size(); ++size) {
      const Bytes prefix(moof.begin(), moof.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(read_fragment(prefix)) << c.name << " at " << size;
    }
  }
}

// A sample count without the samples must not reserve memory for them.
TEST(Fragment, RefusesACountBeyondItsBox) {
  const Bytes header = fragment_header(1, std::vector{test::audio_run(0, 1)});
  Bytes moof(moof_of(header).begin(), moof_of(header).end());
  const std::string_view text = as_text(moof);
  const std::size_t count = text.find("trun") + 8;
  for (std::size_t i = 0; i < 4; ++i) moof[count + i] = 0xFF;
  EXPECT_FALSE(read_fragment(moof));
}

}  // namespace
}  // namespace millrace::mp4
