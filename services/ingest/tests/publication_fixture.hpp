// A Publication on an arena of its own, and messages for it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/wall_time.hpp"
#include "media/arena_reader.hpp"
#include "media_samples.hpp"
#include "publish/publication.hpp"

namespace millrace::ingest::testing {

inline constexpr WallTime kWall = WallTime::from_us(1'700'000'000'000'000);

class PublicationTest : public ::testing::Test {
 protected:
  PublicationTest() {
    std::string path = "/tmp/millrace-publication-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    arena_ = std::move(*media::ArenaWriter::open({directory_, "ingest", 32U << 20, 256U << 10, 16}));
    reader_ = std::move(*media::ArenaReader::open(directory_, "ingest", "test"));
    begin_log();
  }
  ~PublicationTest() override {
    publication_.reset();
    std::filesystem::remove_all(directory_);
  }

  // A new publication in place of the old one.
  void begin_log() {
    publication_.reset();
    media::LogDescription description;
    description.stream_id = "stream";
    description.publication_id = PublicationId{++publication_id_};
    description.epoch = Epoch{1};
    description.retention.guaranteed_bytes = 8U << 20;
    auto log = arena_->create_log(description);
    publication_.emplace(std::move(*log), media::TimelineConfig{}, counters_);
  }

  Result<void> begin(std::uint32_t chunk_stream, rtmp::MessageType type, std::uint32_t timestamp,
                     std::size_t size) {
    return publication_->begin({chunk_stream, type, timestamp, static_cast<std::uint32_t>(size), 1});
  }
  // A whole message, its bytes in pieces.
  Result<void> send(rtmp::MessageType type, std::uint32_t timestamp, const Bytes& body,
                    std::size_t piece = 7) {
    if (Result<void> begun = begin(4, type, timestamp, body.size()); !begun) return begun;
    for (std::size_t at = 0; at < body.size(); at += piece) {
      publication_->append(4, ByteView(body).subspan(at, std::min(piece, body.size() - at)));
    }
    return publication_->end(4, {timestamp * 1000LL, kWall + timestamp * 1000LL});
  }
  void send_headers() {
    ASSERT_TRUE(send(rtmp::MessageType::kVideo, 0, avc_header()));
    ASSERT_TRUE(send(rtmp::MessageType::kAudio, 0, aac_header()));
  }
  media::LogReader open_log() {
    return std::move(*reader_->open_log(publication_->slot(), PublicationId{publication_id_}, 0));
  }

  std::string directory_;
  std::uint64_t publication_id_ = 6;
  std::unique_ptr<media::ArenaWriter> arena_;
  std::unique_ptr<media::ArenaReader> reader_;
  std::shared_ptr<PublicationCounters> counters_ = std::make_shared<PublicationCounters>();
  std::optional<Publication> publication_;
};

}  // namespace millrace::ingest::testing
