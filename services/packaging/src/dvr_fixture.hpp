// A log that is recorded, for tests of who reads the recording.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "dvr_lists.hpp"
#include "recorded_media.hpp"
#include "recordings_of_stream.hpp"
#include "rtmp/amf0.hpp"
#include "stream_package.hpp"
#include "test_publisher.hpp"
#include "test_recording.hpp"

namespace millrace::packaging {

constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr const char* kStem = "s1-2026-11-20T21-49-15.123Z";
inline const WindowPolicy kPolicy{.segments = 4};
constexpr WallTime kJustNow = WallTime::from_us(1'800'000'010'000'000);  // after what is published
constexpr WallTime kLater = kJustNow + kHourUs;

inline Bytes bytes_of(const SegmentFile& file) {
  Bytes bytes;
  for (const ByteView part : file.regions) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

inline Bytes bytes_of(const http::FilePieces& file) {
  Bytes bytes;
  for (const auto& piece : file.pieces) {
    Bytes read(piece.size);
    if (piece.file) {
      EXPECT_EQ(::pread(piece.file->descriptor(), read.data(), read.size(), off_t(piece.offset)),
                ssize_t(read.size()));
    } else {
      std::copy_n(file.text.begin() + std::ptrdiff_t(piece.offset), piece.size, read.begin());
    }
    bytes.insert(bytes.end(), read.begin(), read.end());
  }
  return bytes;
}

class DvrTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arena_ = make_arena(logs_.path());
    reader_ = media::ArenaReader::open(logs_.path(), "ingest", "test").value();
  }
  // Its records are recorded from now on.
  void open(PublicationId publication_id) {
    for (const media::LogInfo& info : reader_->logs()) {
      if (info.publication_id == publication_id)
        log_ = reader_->open_log(info.slot, info.publication_id, info.first).value();
    }
    recording_.begin_log();
  }
  void record() { recording_.take(*log_); }
  std::shared_ptr<const Recorded> read(bool finished = false) {
    write_file(path(finished), finished ? recording_.finished() : recording_.live());
    recordings::FileName name = *recordings::parse_file_name(std::string(kStem) + ".part.mp4");
    if (finished) name.state = recordings::FileState::kFinished;
    return files_.read({name});
  }
  std::string path(bool finished) const {
    return directory_.path() + "/" + kStem + (finished ? ".mp4" : ".part.mp4");
  }
  std::shared_ptr<const StreamView> view() {
    while (package_.update({sources(reader_, "s1")}, 0).more) {
    }
    return package_.view();
  }
  Bytes media_of(const RecordedSegment& segment, std::uint8_t track) {
    std::vector<media::RecordedPiece> pieces;
    for (const RecordedShare& share : segment.shares) pieces.push_back(read_piece(share).value());
    const auto file = recorded_media(segment, *segment.segment.track(track), pieces);
    EXPECT_TRUE(file) << file.error().message;
    return file ? bytes_of(*file) : Bytes{};
  }
  // Every segment that both have is the same, in its times and in its bytes.
  std::size_t expect_same(const Recorded& recorded, const StreamView& live) {
    std::size_t compared = 0;
    for (const RecordedSegmentPtr& segment : recorded.segments) {
      for (const auto& offered : live.offered) {
        const Segment& other = offered->segment();
        if (segment_name(segment->segment) != segment_name(other)) continue;
        EXPECT_EQ(segment->segment.duration_us, other.duration_us);
        EXPECT_EQ(segment->segment.start_wall, other.start_wall);
        EXPECT_EQ(segment->segment.tracks.size(), other.tracks.size());
        for (const TrackSpan& span : other.tracks) {
          EXPECT_EQ(segment->segment.track(span.track)->duration_us, span.duration_us);
          EXPECT_EQ(media_of(*segment, span.track), bytes_of(*offered->file(span.track)))
              << other.media_sequence << " track " << int(span.track);
          ++compared;
        }
      }
    }
    return compared;
  }

  ScratchDirectory logs_, directory_;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::shared_ptr<media::ArenaReader> reader_;
  std::optional<media::LogReader> log_;
  TestRecording recording_;
  RecordingsOfStream files_{directory_.path(), kHourUs};
  StreamPackage package_{"s1", kPolicy};
};

inline Bytes message(std::string_view name, const rtmp::amf0::Value& value) {
  ByteWriter writer;
  rtmp::amf0::serialize(name, writer);
  rtmp::amf0::serialize(value, writer);
  return writer.take();
}

// out, 60.3 s (ANSI/SCTE 35 14.2)
constexpr const char* kSplice = "/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=";

inline std::string list(const Recorded& recorded, const Offering* live, const std::string& rendition = "v0") {
  DvrLists lists;
  const auto texts = lists.texts(recorded, live, kHourUs, kJustNow);
  return texts->offering ? *texts->media.at(rendition)->text().text : "";
}

inline std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace millrace::packaging
