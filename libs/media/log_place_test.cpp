#include "media/log_place.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace millrace::media {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Records of a pretended log: 'v' of the first track, 'a' of the second, a digit: 'v' of that configuration.
std::vector<LogEntry> entries_of(const std::string& letters) {
  std::vector<LogEntry> entries;
  for (const char letter : letters) {
    LogEntry entry{};
    entry.record.sequence = entries.size();
    entry.record.track = letter == 'a' ? kAudioTrack : kVideoTrack;
    entry.record.configuration =
        letter >= '0' && letter <= '9' ? static_cast<std::uint32_t>(letter - '0') : 0;
    entries.push_back(entry);
  }
  return entries;
}

LogPlace place_with_configurations() {
  LogPlace place;
  for (const std::uint8_t track : {kVideoTrack, kAudioTrack}) {
    TrackConfiguration description{};
    description.track = track;
    description.kind = TrackKind::kVideo;
    place.configurations.give(description);
  }
  return place;
}

bool takes_picture(const LogEntry& entry) {
  return entry.record.track == kVideoTrack;
}

struct GatherCase {
  const char* name;
  std::string records;
  std::size_t message_sent;
  std::size_t room;  // so many records are laid out
  std::vector<std::uint64_t> laid_out;
  std::size_t end;
};

TEST(LogPlace, GathersWhatIsTaken) {
  const GatherCase cases[] = {
      {"everything", "vvv", 0, 9, {0, 1, 2}, 3},
      {"nothing", "", 0, 9, {}, 0},
      {"what is left out is passed over", "vaava", 0, 9, {0, 3}, 5},
      {"until there is no room", "vavv", 0, 2, {0, 2}, 3},
      {"before another configuration", "vv7v", 0, 9, {0, 1}, 2},
      {"the first whatever it needs", "7vv", 0, 9, {0, 1, 2}, 3},
      {"one that was begun, though it is not taken", "ava", 5, 9, {0, 1}, 3},
      {"one that was begun and then what is taken", "vav", 5, 9, {0, 2}, 3},
  };
  for (const GatherCase& each : cases) {
    SCOPED_TRACE(each.name);
    LogPlace place = place_with_configurations();
    place.message_sent = each.message_sent;
    std::vector<std::uint64_t> laid_out;
    const auto add = [&](const LogEntry& entry, std::size_t already_sent) {
      EXPECT_EQ(already_sent, entry.record.sequence == 0 ? each.message_sent : 0);
      if (laid_out.size() == each.room) return false;
      laid_out.push_back(entry.record.sequence);
      return true;
    };
    EXPECT_EQ(place.gather(entries_of(each.records), takes_picture, add), each.end);
    EXPECT_EQ(laid_out, each.laid_out);
  }
}

struct AccountCase {
  std::size_t message_sent;
  std::size_t bytes;
  std::size_t done;
  std::size_t left;  // of the next message that are sent
};

// Wire sizes 10, left out, 20, 30, left out.
TEST(LogPlace, AccountsWhatWasSent) {
  const AccountCase cases[] = {
      {0, 0, 0, 0},   {0, 9, 0, 9},  {0, 10, 2, 0}, {0, 11, 2, 1}, {0, 29, 2, 19}, {0, 30, 3, 0},
      {0, 59, 3, 29}, {0, 60, 5, 0}, {4, 0, 0, 4},  {4, 5, 0, 9},  {4, 6, 2, 0},   {4, 56, 5, 0},
  };
  const std::vector<LogEntry> run = entries_of("vavva");
  const std::size_t sizes[] = {10, 0, 20, 30, 0};
  for (const AccountCase& each : cases) {
    SCOPED_TRACE(std::to_string(each.message_sent) + " + " + std::to_string(each.bytes));
    LogPlace place;
    place.next = 1000;
    place.message_sent = each.message_sent;
    EXPECT_EQ(place.account(run, each.bytes, [&](std::size_t i) { return sizes[i]; }), each.done);
    EXPECT_EQ(place.next, 1000 + each.done);
    EXPECT_EQ(place.message_sent, each.left);
    EXPECT_EQ(place.in_message(), each.left > 0);
  }
}

}  // namespace
}  // namespace millrace::media
