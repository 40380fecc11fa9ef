#include "play/player_run.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "rtmp/chunk_writer.hpp"
#include "rtmp/limits.hpp"

namespace millrace::ingest {
namespace {

using rtmp::MessageType;

// Records of a pretended log: 'v' and 'a', capitals are key frames, 'd' data. All messages lie in one piece
// of memory.
class Log {
 public:
  explicit Log(const std::string& kinds, std::size_t body_size = 10) {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const bool video = kinds[i] == 'v' || kinds[i] == 'V';
      const MessageType type = video                                ? MessageType::kVideo
                               : kinds[i] == 'a' || kinds[i] == 'A' ? MessageType::kAudio
                                                                    : MessageType::kData;
      const std::uint32_t stream = video ? rtmp::kVideoChunkStream : rtmp::kAudioChunkStream;
      const Bytes body(body_size + i, static_cast<std::uint8_t>(i));
      const std::size_t before = memory.view().size();
      rtmp::append_message({stream, type, static_cast<std::uint32_t>(i), 0, 1}, body, rtmp::kPlayerChunkSize,
                           memory);
      sizes.push_back(memory.view().size() - before);
      media::SampleRecord record{};
      record.sequence = i;
      record.track =
          video ? media::kVideoTrack : (type == MessageType::kAudio ? media::kAudioTrack : media::kDataTrack);
      record.flags = kinds[i] == 'V' ? media::kSampleKey : 0;
      entries.push_back({record, {}});
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].message = memory.view().subspan(at, sizes[i]);
      at += sizes[i];
    }
  }
  ByteWriter memory;
  std::vector<LogEntry> entries;
};

Bytes bytes_of(std::span<const iovec> parts) {
  Bytes all;
  for (const iovec& part : parts) {
    const auto* bytes = static_cast<const std::uint8_t*>(part.iov_base);
    all.insert(all.end(), bytes, bytes + part.iov_len);
  }
  return all;
}

// Of a player that has the first configuration of each track.
media::LogPlace configured_place() {
  media::LogPlace place;
  for (std::uint8_t track = 0; track < media::kMaxTracks; ++track) {
    media::TrackConfiguration description{};
    description.track = track;
    place.configurations.give(description);
  }
  return place;
}

// Sends everything through a socket that takes so many bytes per call.
Bytes send_all(const Log& log, PlayerIntake intake, std::size_t room, std::size_t part_count) {
  Bytes sent;
  media::LogPlace place = configured_place();
  for (int calls = 0; place.next < log.entries.size() && calls < 100'000; ++calls) {
    std::vector<iovec> parts(part_count);
    const std::span<const LogEntry> rest = std::span(log.entries).subspan(place.next);
    const GatheredRun run = gather_run(rest, place, intake, parts);
    const Bytes bytes = bytes_of(std::span(parts).first(run.parts));
    EXPECT_EQ(bytes.size(), run.bytes);
    const std::size_t taken = std::min(room, bytes.size());
    sent.insert(sent.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    (void)account_run(rest.first(run.end), taken, place, intake);
  }
  EXPECT_EQ(place.next, log.entries.size());
  return sent;
}

Bytes chosen(const Log& log, const std::vector<std::size_t>& which, std::uint32_t chunk_size) {
  ByteWriter out;
  for (const std::size_t i : which) {
    const ByteView message = log.entries[i].message;
    if (chunk_size == 0) {
      out.append(message);
      continue;
    }
    const auto type = static_cast<MessageType>(message[7]);
    rtmp::append_message({static_cast<std::uint32_t>(message[0]), type, static_cast<std::uint32_t>(i), 0, 1},
                         message.subspan(12), chunk_size, out);
  }
  return out.take();
}

TEST(PlayerRun, MakesOnePartOfMessagesThatLieBackToBack) {
  const Log log("VavavaV");
  std::vector<iovec> parts(8);
  const GatheredRun run = gather_run(log.entries, configured_place(), {}, parts);
  EXPECT_EQ(run.parts, 1U);
  EXPECT_EQ(run.end, log.entries.size());
  EXPECT_EQ(run.bytes, log.memory.view().size());
  EXPECT_EQ(parts[0].iov_base, log.memory.view().data());
}

struct FilterCase {
  const char* name;
  std::vector<rtmp::PlayWishes> wishes;  // one after the other
  std::vector<std::size_t> taken;
};

TEST(PlayerRun, LeavesOutWhatThePlayerDoesNotTake) {
  const Log log("vadVavVad", 300);
  const FilterCase cases[] = {
      {"all", {}, {0, 1, 2, 3, 4, 5, 6, 7, 8}},
      {"no sound", {{false, false, true}}, {0, 2, 3, 5, 6, 8}},
      {"no picture", {{false, true, false}}, {1, 2, 4, 7, 8}},
      {"neither", {{false, false, false}}, {2, 8}},
      {"picture again", {{false, true, false}, {false, true, true}}, {1, 2, 3, 4, 5, 6, 7, 8}},
      {"picture again, no sound", {{false, false, false}, {false, false, true}}, {2, 3, 5, 6, 8}},
      {"picture off and on and off", {{false, true, false}, {}, {false, true, false}}, {1, 2, 4, 7, 8}},
  };
  for (const FilterCase& each : cases) {
    for (const std::uint32_t chunk_size : {0U, 128U, 4096U}) {
      for (const std::size_t room : {1U, 7U, 129U, 100'000U}) {
        for (const std::size_t part_count : {1U, 2U, 100U}) {
          SCOPED_TRACE(std::string(each.name) + " chunks " + std::to_string(chunk_size) + " room " +
                       std::to_string(room) + " parts " + std::to_string(part_count));
          PlayerIntake intake;
          intake.chunk_size = chunk_size;
          for (const rtmp::PlayWishes& wishes : each.wishes) intake.filter.set(wishes);
          EXPECT_EQ(send_all(log, intake, room, part_count), chosen(log, each.taken, chunk_size));
        }
      }
    }
  }
}

TEST(PlayerRun, EndsAMessageThatWasBegunWhateverThePlayerWantsByNow) {
  const Log log("Vav");
  media::LogPlace place = configured_place();
  PlayerIntake intake;
  std::vector<iovec> parts(8);
  (void)gather_run(log.entries, place, intake, parts);
  EXPECT_EQ(account_run(log.entries, 5, place, intake), 0U);
  EXPECT_EQ(place.message_sent, 5U);
  intake.filter.set({false, true, false});
  const GatheredRun run = gather_run(log.entries, place, intake, parts);
  const Bytes rest = bytes_of(std::span(parts).first(run.parts));
  const Bytes both = chosen(log, {0, 1}, 0);
  EXPECT_EQ(rest, Bytes(both.begin() + 5, both.end()));
  EXPECT_EQ(account_run(log.entries, rest.size(), place, intake), 3U);
}

TEST(PlayerRun, StopsBeforeARecordOfAnotherConfiguration) {
  Log log("Vavv");
  log.entries[2].record.configuration = 7;
  std::vector<iovec> parts(8);
  EXPECT_EQ(gather_run(log.entries, configured_place(), {}, parts).end, 2U);
  PlayerIntake sound_only;
  sound_only.filter.set({false, true, false});
  EXPECT_EQ(gather_run(log.entries, configured_place(), sound_only, parts).end, 4U);
}

}  // namespace
}  // namespace millrace::ingest
