#include "codecs/captions.hpp"

#include <gtest/gtest.h>

#include "codecs/test_support.hpp"

namespace millrace::codecs {
namespace {

constexpr const char* kHeader = "b500314741393403";

struct Case {
  const char* name;
  const char* constructs;  // behind the header: flags with cc_count, em_data, and three bytes each
  std::uint8_t expected;
};

const Case kCases[] = {
    {"pop-on captions of channel 1, with parity", "41ff fc9420", kCaptionsCc1},
    {"without parity", "41ff fc1420", kCaptionsCc1},
    {"channel 2", "41ff fc1c20", kCaptionsCc2},
    {"field 2", "41ff fd1520", kCaptionsCc3},
    {"the second channel of field 2", "41ff fd1d20", kCaptionsCc4},
    {"padding of both fields", "42ff fc8080 fd8080", 0},
    {"programme data of field 2", "42ff fd0105 fd8f0f", 0},
    {"letters alone", "41ff fcc8e5", 0},
    {"not valid", "41ff f89420", 0},
    {"service 1", "42ff ff0221 fe4142", kCaptionsService1},
    {"service 2 is not told apart", "41ff ff0242", 0},
    {"an empty service block", "41ff ff0220", 0},
    {"a packet's continuation alone", "41ff fe0221", 0},
    {"both kinds", "43ff fc9420 fd1520 ff0221", kCaptionsCc1 | kCaptionsCc3 | kCaptionsService1},
    {"process_cc_data_flag is 0", "01ff fc9420", 0},
    {"fewer constructs than are told", "45ff fc9420", kCaptionsCc1},
    {"more than are told", "40ff fc9420", 0},
};

Bytes t35_of(const Case& c) {
  std::string text = std::string(kHeader) + c.constructs;
  std::erase(text, ' ');
  return from_hex(text);
}

TEST(Captions, AreToldByTheirControlCodes) {
  for (const Case& c : kCases) EXPECT_EQ(captions_in_t35(t35_of(c)), c.expected) << c.name;
}

TEST(Captions, AreOfAtscAlone) {
  for (const char* const other : {"b400314741393403 41ff fc9420", "b500324741393403 41ff fc9420",
                                  "b500314454473103 41ff fc9420", "b500314741393406 41ff fc9420"}) {
    std::string text = other;
    std::erase(text, ' ');
    EXPECT_EQ(captions_in_t35(from_hex(text)), 0) << other;
  }
}

TEST(Captions, SurviveEveryPrefix) {
  for (const Case& c : kCases)
    for_each_prefix(t35_of(c), [](const Bytes& prefix) { (void)captions_in_t35(prefix); });
}

}  // namespace
}  // namespace millrace::codecs
