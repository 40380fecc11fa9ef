#include "media/testing/codec_stream.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace millrace::media::test {
namespace {

constexpr WallTime kStartedWall = WallTime::from_us(1'800'000'000'000'000);

Codec codec_of(const std::string& name) {
  static const std::map<std::string, Codec> codecs = {
      {"h264", Codec::kH264}, {"hevc", Codec::kH265}, {"hevc_open", Codec::kH265}, {"hevc_pq", Codec::kH265},
      {"av1", Codec::kAv1},   {"vp9", Codec::kVp9},   {"aac", Codec::kAac},        {"opus", Codec::kOpus},
      {"flac", Codec::kFlac}, {"ac3", Codec::kAc3},   {"eac3", Codec::kEac3},      {"mp3", Codec::kMp3}};
  const auto found = codecs.find(name);
  return found == codecs.end() ? Codec::kNone : found->second;
}

Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}

}  // namespace

CodecStream load_codec_stream(const std::string& name) {
  std::ifstream file(std::string(MILLRACE_CODEC_STREAMS) + "/" + name + ".stream", std::ios::binary);
  const Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ByteReader reader(bytes);
  CodecStream stream;
  stream.codec = codec_of(name);
  stream.timescale = reader.u32();
  stream.width = reader.u32();
  stream.height = reader.u32();
  stream.sample_rate = reader.u32();
  stream.channels = reader.u32();
  stream.configuration = to_bytes(reader.take(reader.u32()));
  while (reader.ok() && !reader.empty()) {
    CodecStream::Sample sample;
    sample.composition_offset = static_cast<std::int32_t>(reader.u32());
    sample.duration = reader.u32();
    const std::uint8_t access = reader.u8();
    sample.key = access != 0;
    sample.recovery = access == 2;
    sample.payload = to_bytes(reader.take(reader.u32()));
    stream.samples.push_back(std::move(sample));
  }
  return reader.ok() ? stream : CodecStream{};
}

CodecPublisher::CodecPublisher(ArenaWriter& arena, const std::map<std::uint8_t, std::string>& tracks)
    : timeline_(TimelineConfig{}) {
  LogDescription description;
  description.stream_id = "s1";
  description.publication_id = PublicationId{0xA1};
  description.epoch = Epoch{1};
  description.started_wall = kStartedWall;
  description.segment_target_ms = kSegmentMs;
  description.retention.guaranteed_bytes = 1U << 20;
  log_ = std::move(arena.create_log(description).value());
  timeline_ = Timeline({log_->continuation()});
  for (const auto& [track, name] : tracks) add_track(track, name);
}

void CodecPublisher::add_track(std::uint8_t track, const std::string& name) {
  Source source;
  source.track = track;
  source.stream = load_codec_stream(name);
  const CodecStream& stream = source.stream;
  TrackConfiguration description{};
  description.track = track;
  description.kind = stream.video() ? TrackKind::kVideo : TrackKind::kAudio;
  description.codec = stream.codec;
  description.timescale = stream.video() ? Timeline::kVideoTimescale : stream.sample_rate;
  description.width = stream.width;
  description.height = stream.height;
  description.sample_rate = stream.sample_rate;
  description.channels = stream.channels;
  timeline_.configure(track, description.kind, description.timescale,
                      stream.video() ? 0 : stream.samples.front().duration);
  source.configuration = log_->add_configuration(description, {}, stream.configuration).value();
  sources_.push_back(std::move(source));
}

void CodecPublisher::publish() {
  while (true) {
    Source* earliest = nullptr;
    for (Source& source : sources_) {
      if (source.next == source.stream.samples.size()) continue;
      if (earliest == nullptr || source.time_us() < earliest->time_us()) earliest = &source;
    }
    if (earliest == nullptr) break;
    append(*earliest);
  }
  timeline_.finish();
  log_->set_target_duration_s(timeline_.target_duration_s());
  log_->end(LogEnd::kUnpublished);
}

void CodecPublisher::append(Source& source) {
  const CodecStream::Sample& sample = source.stream.samples[source.next++];
  Timeline::Input input;
  input.track = source.track;
  input.timestamp_ms = static_cast<std::uint32_t>(source.time_us() / 1000);
  input.composition_offset_ms =
      static_cast<std::int32_t>(std::int64_t{sample.composition_offset} * 1000 / source.stream.timescale);
  input.key = sample.key;
  input.recovery = sample.recovery;
  input.arrival_us = source.time_us();
  input.wall = kStartedWall + source.time_us();
  SampleRecord record = timeline_.place(input);
  record.configuration = source.configuration;
  source.time += sample.duration;
  log_->set_target_duration_s(timeline_.target_duration_s());
  const auto room = log_->reserve(static_cast<std::uint32_t>(sample.payload.size())).value();
  std::memcpy(room.data + room.prefix_room, sample.payload.data(), sample.payload.size());
  log_->commit(room, room.prefix_room, static_cast<std::uint8_t>(room.prefix_room), record);
}

bool has_ffprobe() {
  return std::system("ffprobe -version > /dev/null 2>&1") == 0;
}

std::string ffprobe(const std::string& path, const std::string& options) {
  const std::string command = "timeout 20 ffprobe -v warning -of csv=p=0 " + options + " '" + path + "' 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
    std::string line = buffer.data();
    line.erase(line.find_last_not_of(",\n") + 1);  // empty sections of side data
    if (!line.empty()) output += line + "\n";
  }
  if (pipe != nullptr) pclose(pipe);
  return output;
}

}  // namespace millrace::media::test
