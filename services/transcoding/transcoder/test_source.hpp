// A live source for tests: pictures of our own encoder, written into a log as ingest writes them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
  // Of the next picture alone, as it comes over the wire.
  void displace(std::int32_t composition_ms) { composition_ms_ = composition_ms; }
  // From the next picture on it is stated to be of a configuration that no decoder takes.
  void configure_badly() {
    publication::TrackFormat format =
        publication::format_of_header(media::Codec::kH264, encoder_->configuration()).value();
    format.description.track = media::kVideoTrack;
    format.description.codec = media::Codec::kH265;
    format.configuration.assign(64, 0xA5);
    ASSERT_TRUE(writer_->configure(std::move(format)));
  }
  // Beside the pictures from here on: silence in Opus, of nine channels that no layout of speakers has.
  void add_sound_of_nine_channels() {
    Bytes head{'O', 'p',  'u',  's', 'H', 'e', 'a', 'd', 1,         kChannels, 0,
               0,   0x80, 0xBB, 0,   0,   0,   0,   255, kChannels, 0};
    for (std::uint8_t channel = 0; channel < kChannels; ++channel) head.push_back(channel);
    auto format = publication::format_of_header(media::Codec::kOpus, head).value();
    format.description.track = media::kAudioTrack;
    ASSERT_TRUE(writer_->configure(std::move(format)));
    sound_ = true;
  }
  // A key frame every second.
  void send(int pictures, bool damaged = false) {
    for (int i = 0; i < pictures; ++i) send_one(damaged);
  }
  void end() { writer_->finish(media::LogEnd::kUnpublished); }

 private:
  static constexpr std::uint8_t kChannels = 9;

  void send_sound(std::uint32_t timestamp_ms) {
    // 20 ms of each channel; all but the last say how long they are.
    const Bytes frame{0x0A, 0x78, 0xB3, 0x0E, 0xC6};
    Bytes payload;
    for (std::uint8_t channel = 0; channel < kChannels; ++channel) {
      payload.push_back(0x08);
      if (channel + 1 < kChannels) payload.push_back(static_cast<std::uint8_t>(frame.size()));
      payload.insert(payload.end(), frame.begin(), frame.end());
    }
    publication::Sample sample = writer_->sample_of(media::kAudioTrack, true, 0);
    sample.timestamp_ms = timestamp_ms;
    sample.arrival_us = monotonic_us();
    sample.wall = wall_now();
    const auto size = static_cast<std::uint32_t>(payload.size());
    const auto room = writer_->reserve_for(sample, size, timestamp_ms).value();
    std::memcpy(room.data + room.prefix_room, payload.data(), size);
    ASSERT_TRUE(*writer_->commit(room, sample));
  }

  void send_one(bool damaged) {
    const bool key = pictures_++ % kFps == 0;
    const auto luma = static_cast<std::uint8_t>(30 + timestamp_ms_ / kStepMs * 7 % 190);
    ffmpeg::Frame frame = ffmpeg::Frame::grey(width_, height_, luma).value();
    frame.set_pts(std::int64_t{timestamp_ms_} * 90);
    ASSERT_TRUE(encoder_->send(std::move(frame), key));
    const auto coded = encoder_->receive().value();
    ASSERT_TRUE(coded);
    publication::Sample sample =
        writer_->sample_of(media::kVideoTrack, key, std::exchange(composition_ms_, 0));
    sample.timestamp_ms = timestamp_ms_;
    sample.arrival_us = monotonic_us();
    sample.wall = wall_now();
    const auto room = writer_->reserve_for(sample, coded->size(), timestamp_ms_).value();
    std::uint8_t* payload = room.data + room.prefix_room;
    coded->write(payload);
    if (damaged) std::memset(payload, 0xA5, coded->size());
    ASSERT_TRUE(*writer_->commit(room, sample));
    if (sound_) send_sound(timestamp_ms_);
    if (sound_) send_sound(timestamp_ms_ + kStepMs / 2);
    timestamp_ms_ += kStepMs;
  }

  std::optional<publication::Writer> writer_;
  std::optional<ffmpeg::Encoder> encoder_;
  int width_ = 0;
  int height_ = 0;
  bool sound_ = false;
  std::int32_t composition_ms_ = 0;
  int pictures_ = 0;  // since a key frame was due
  std::uint32_t timestamp_ms_ = 0;
};

}  // namespace millrace::transcoding::test
