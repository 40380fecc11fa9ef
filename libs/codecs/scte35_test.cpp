#include "codecs/scte35.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

using Kind = SpliceInfo::Kind;

struct Case {
  const char* name;
  const char* section;
  std::uint8_t command;
  Kind kind;
  std::uint32_t event_id;
  bool segmentation;
  std::uint64_t duration;
};

// ANSI/SCTE 35 2023 annex 14: 14.1 to 14.5; the rest put together by hand, with their CRC.
const Case kCases[] = {
    {"time_signal, placement opportunity start",
     "fc3034000000000000fffff00506fe72bd0050001e021c435545494800008e7fcf0001a599b00808000000002ca0a18a3402009"
     "ac9d17e",
     6, Kind::kOut, 0x4800008e, true, 27'630'000},
    {"splice_insert",
     "fc302f000000000000fffff014054800008f7feffe7369c02efe0052ccf500000000000a0008435545490000013562dba30a",
     5, Kind::kOut, 0x4800008f, false, 5'426'421},
    {"time_signal, placement opportunity end",
     "fc302f000000000000fffff00506fe746290a000190217435545494800008e7f9f0808000000002ca0a18a350200a9cc6758",
     6, Kind::kIn, 0x4800008e, true, 0},
    {"time_signal, program start and end",
     "fc3048000000000000fffff00506fe7a4d88b60032021743554549480000187f9f0808000000002ccbc34411000002174355454"
     "9480000197f9f080800"
     "0000002ca4dba01000009972e343",
     6, Kind::kOther, 0, false, 0},
};

Bytes with_crc(Bytes section) {
  section[2] = static_cast<std::uint8_t>(section.size() + 4 - 3);
  const std::uint32_t crc = mpeg_crc32(section);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) section.push_back(static_cast<std::uint8_t>(crc >> shift));
  return section;
}

const Case kMade[] = {
    {"splice_null",
     "fc3000000000000000fffff00000"
     "0000",
     0, Kind::kOther, 0, false, 0},
    {"in",
     "fc3000000000000000fffff00f05"
     "0000002a7f"
     "4f"
     "fe00000000"
     "000100000000",
     5, Kind::kIn, 42, false, 0},
    {"immediate",
     "fc3000000000000000fffff00a05"
     "0000002a7f"
     "df"
     "000100000000",
     5, Kind::kOut, 42, false, 0},
    {"cancelled",
     "fc3000000000000000fffff00505"
     "0000002aff"
     "0000",
     5, Kind::kCancel, 42, false, 0},
    {"components",
     "fc3000000000000000fffff01205"
     "0000002a7f"
     "af"
     "02"
     "01"
     "7f"
     "02"
     "fe00000001"
     "7e00015f90"
     "00010000"
     "0000",
     5, Kind::kOut, 42, false, 90'000},
    {"encrypted",
     "fc3000008000000000fffff00505"
     "0000002aff"
     "0000",
     5, Kind::kOther, 0, false, 0},
    {"a command that is cut off",
     "fc3000000000000000fffff00505"
     "0000002a7f"
     "cf"
     "0000",
     5, Kind::kOther, 0, false, 0},
    {"descriptors longer than the section",
     "fc3000000000000000fffff00506"
     "fe00000000"
     "ffff",
     6, Kind::kOther, 0, false, 0},
    {"private_command",
     "fc3000000000000000fffff004ff"
     "43554549"
     "0000",
     255, Kind::kOther, 0, false, 0},
};

void expect(const Case& c, const Bytes& section) {
  const auto info = parse_splice_info(section);
  ASSERT_TRUE(info) << c.name;
  EXPECT_EQ(*info, (SpliceInfo{c.kind, c.command, c.event_id, c.segmentation, c.duration})) << c.name;
}

TEST(SpliceInfo, IsReadAsTheStandardsExamplesHaveIt) {
  for (const Case& c : kCases) expect(c, from_hex(c.section));
}

TEST(SpliceInfo, IsReadInItsOtherForms) {
  for (const Case& c : kMade) expect(c, with_crc(from_hex(c.section)));
}

TEST(SpliceInfo, IsWholeOrNotAtAll) {
  for (const Case& c : kCases) {
    const Bytes whole = from_hex(c.section);
    for_each_prefix(whole, [&](const Bytes& prefix) { EXPECT_FALSE(parse_splice_info(prefix)) << c.name; });
    for (std::size_t i = 0; i < whole.size(); ++i) {
      Bytes wrong = whole;
      wrong[i] ^= 0x10;
      EXPECT_FALSE(parse_splice_info(wrong)) << c.name << ", byte " << i;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(parse_splice_info(longer)) << c.name;
  }
  EXPECT_FALSE(parse_splice_info(Bytes(kMaxSpliceInfoSection + 1)));
}

// Damage below a right CRC: an encoder's own.
TEST(SpliceInfo, SurvivesAnyCommand) {
  for (const Case& c : kCases) {
    const Bytes whole = from_hex(c.section);
    for (std::size_t i = 3; i + 4 < whole.size(); ++i) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i));
      if (cut.size() >= 14) (void)parse_splice_info(with_crc(cut));
      Bytes changed(whole.begin(), whole.end() - 4);
      changed[i] ^= 0xFF;
      (void)parse_splice_info(with_crc(changed));
    }
  }
}

TEST(MpegCrc, IsTheOneOfMpeg) {
  EXPECT_EQ(mpeg_crc32(as_bytes("123456789")), 0x0376E6E7U);
}

}  // namespace
}  // namespace millrace::codecs
