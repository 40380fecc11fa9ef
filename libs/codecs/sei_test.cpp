#include "codecs/sei.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

struct Case {
  const char* name;
  const char* nal;
  bool expected;
};

bool has_recovery_point(ByteView nal, std::size_t header) {
  SeiReader messages(nal, header);
  while (const auto message = messages.next()) {
    if (message->type == kSeiRecoveryPoint && message->size > 0) return true;
  }
  return false;
}

// From x264 with open-gop=1 and intra-refresh=1, or made by hand.
const Case kSei[] = {
    {"open GOP", "060601c480", true},
    {"intra refresh", "06060107 0480", true},
    {"buffering period and picture timing", "0600018001043480", false},
    {"behind picture timing", "06010400000a2806 01c480", true},
    {"user data with the number in it", "0605040606060680", false},
    {"user data of 255 and more bytes in front", "0605ff01", false},
    {"a size that needs two bytes", "06ff0600", false},
    {"emulation prevention in front of it", "060503000003000601c480", true},
    {"no size", "0606", false},
    {"a size of 0", "06060080", false},
    {"nothing behind the size", "060601", false},
    {"a header alone", "06", false},
    {"nothing", "", false},
};

Bytes nal_of(std::string text) {
  std::erase(text, ' ');
  return from_hex(text);
}

TEST(RecoveryPoint, IsFoundAmongOtherMessages) {
  for (const Case& c : kSei)
    EXPECT_EQ(has_recovery_point(nal_of(c.nal), kAvcNalHeader), c.expected) << c.name;
}

TEST(RecoveryPoint, IsFoundBehindLongUserData) {
  Bytes sei = {0x06, 0x05, 0xFF, 0x10};
  sei.resize(sei.size() + 255 + 16, 0x42);
  const Bytes point = from_hex("0601c480");
  sei.insert(sei.end(), point.begin(), point.end());
  EXPECT_TRUE(has_recovery_point(sei, kAvcNalHeader));
}

TEST(RecoveryPoint, IsFoundInHevc) {
  EXPECT_TRUE(has_recovery_point(from_hex("4e01060180c080"), kHevcNalHeader));
  EXPECT_FALSE(has_recovery_point(from_hex("4e0101060680"), kHevcNalHeader));
  EXPECT_FALSE(has_recovery_point(from_hex("4e01"), kHevcNalHeader));
}

TEST(RecoveryPoint, SurvivesEveryPrefix) {
  for (const Case& c : kSei) {
    for_each_prefix(nal_of(c.nal), [](const Bytes& prefix) {
      (void)has_recovery_point(prefix, kAvcNalHeader);
      (void)has_recovery_point(prefix, kHevcNalHeader);
    });
  }
}

// From x265 with hdr10=1, master-display and max-cll.
const char* const kMastering = "4e01891833c286c41d4c0bb884d03e803d13404200989680000003000180";
const char* const kLight = "4e01900403e8019080";

TEST(HdrMessages, SayWhatTheEncoderWasTold) {
  HdrMetadata hdr;
  read_hdr(from_hex(kMastering), kHevcNalHeader, hdr);
  read_hdr(from_hex(kLight), kHevcNalHeader, hdr);
  const MasteringDisplay display{{13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450}, 10'000'000, 1};
  EXPECT_EQ(hdr.mastering, display);
  EXPECT_EQ(hdr.light, (ContentLight{1000, 400}));
}

TEST(HdrMessages, AreOfNoUseInPieces) {
  for (const char* const whole : {kMastering, kLight}) {
    for_each_prefix(from_hex(whole), [&](const Bytes& prefix) {
      HdrMetadata hdr;
      read_hdr(prefix, kHevcNalHeader, hdr);
      // The last byte is trailing bits alone.
      EXPECT_TRUE(hdr.empty() || prefix.size() * 2 + 2 == std::string_view(whole).size()) << prefix.size();
    });
  }
}

TEST(HdrMessages, FillInWhatIsNotKnown) {
  HdrMetadata hdr;
  hdr.light = ContentLight{1, 1};
  HdrMetadata other;
  other.light = ContentLight{2, 2};
  other.mastering = MasteringDisplay{};
  hdr.fill_in(other);
  EXPECT_EQ(hdr.light->max_content, 1);
  EXPECT_TRUE(hdr.mastering);
}

TEST(SeiReader, LooksNoFurtherThanItsBound) {
  Bytes sei = {0x06};
  while (sei.size() < SeiReader::kMaxBytes + 100) sei.insert(sei.end(), {0x05, 0x01, 0x42});
  std::size_t count = 0;
  SeiReader messages(sei, kAvcNalHeader);
  while (messages.next()) ++count;
  EXPECT_LE(count, SeiReader::kMaxBytes / 3 + 1);
}

}  // namespace
}  // namespace millrace::codecs
