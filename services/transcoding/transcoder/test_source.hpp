// A live source for tests: pictures of our own encoder, written into a log as ingest writes them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "ffmpeg/encoder.hpp"
#include "ffmpeg/quiet.hpp"
#include "media/arena_reader.hpp"
#include "media/arena_writer.hpp"
#include "publication/writer.hpp"

namespace millrace::transcoding::test {

class LogDirectory {
 public:
  LogDirectory() {
    ffmpeg::quiet();
    std::string path = "/tmp/millrace-transcoder-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~LogDirectory() { std::filesystem::remove_all(path_); }
  LogDirectory(const LogDirectory&) = delete;
  LogDirectory& operator=(const LogDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class TestSource {
 public:
  static constexpr const char* kStream = "cam";
  static constexpr int kFps = 25;
  static constexpr std::uint32_t kStepMs = 1000 / kFps;
  static constexpr std::uint32_t kPartUs = 200'000;

  TestSource(media::ArenaWriter& arena, PublicationId publication, int width = 320, int height = 180) {
    media::LogDescription description;
    description.stream_id = kStream;
    description.publication_id = publication;
    description.epoch = Epoch{1};
    description.started_wall = wall_now();
    description.segment_target_ms = 1000;
    description.retention.guaranteed_bytes = 4U << 20;
    auto log = std::move(arena.create_log(description).value());
    const media::TimelineConfig timeline{.continuation = log->continuation(), .wanted_part_us = kPartUs};
    writer_.emplace(std::move(log), timeline);
    change_size(width, height);
  }

  // From the next picture on.
  void change_size(int width, int height) {
    ffmpeg::EncoderSettings settings;
    settings.preset = "ultrafast";
    settings.width = width_ = width;
    settings.height = height_ = height;
    settings.frame_rate = {kFps, 1};
    settings.bit_rate = 500'000;
    encoder_.emplace(ffmpeg::Encoder::open(settings).value());
    auto format = publication::format_of_header(media::Codec::kH264, encoder_->configuration()).value();
    format.description.track = media::kVideoTrack;
    ASSERT_TRUE(writer_->configure(std::move(format)));
    pictures_ = 0;
  }
  // The encoder's clock jumps; a key frame comes next.
  void jump(std::uint32_t ms) {
    timestamp_ms_ += ms;
    pictures_ = 0;
  }
  // A key frame every second.
  void send(int pictures, bool damaged = false) {
    for (int i = 0; i < pictures; ++i) send_one(damaged);
  }
  void end() { writer_->finish(media::LogEnd::kUnpublished); }

 private:
  void send_one(bool damaged) {
    const bool key = pictures_++ % kFps == 0;
    const auto luma = static_cast<std::uint8_t>(30 + timestamp_ms_ / kStepMs * 7 % 190);
    ffmpeg::Frame frame = ffmpeg::Frame::grey(width_, height_, luma).value();
    frame.set_pts(std::int64_t{timestamp_ms_} * 90);
    ASSERT_TRUE(encoder_->send(std::move(frame), key));
    const auto coded = encoder_->receive().value();
    ASSERT_TRUE(coded);
    publication::Sample sample = writer_->sample_of(media::kVideoTrack, key, 0);
    sample.timestamp_ms = timestamp_ms_;
    sample.arrival_us = monotonic_us();
    sample.wall = wall_now();
    const auto room = writer_->reserve_for(sample, coded->size(), timestamp_ms_).value();
    std::uint8_t* payload = room.data + room.prefix_room;
    coded->write(payload);
    if (damaged) std::memset(payload, 0xA5, coded->size());
    ASSERT_TRUE(*writer_->commit(room, sample));
    timestamp_ms_ += kStepMs;
  }

  std::optional<publication::Writer> writer_;
  std::optional<ffmpeg::Encoder> encoder_;
  int width_ = 0;
  int height_ = 0;
  int pictures_ = 0;  // since a key frame was due
  std::uint32_t timestamp_ms_ = 0;
};

}  // namespace millrace::transcoding::test
