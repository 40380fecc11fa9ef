#include "sound_line.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "ffmpeg/errors.hpp"

namespace millrace::transcoding {
namespace {

int channels_of(std::uint32_t channels) {
  return channels == 1 ? 1 : 2;
}

Result<publication::TrackFormat> format_of(const ffmpeg::SoundEncoder& encoder) {
  Result<publication::TrackFormat> format =
      publication::format_of_header(media::Codec::kAac, encoder.configuration());
  if (format) format->description.track = media::kAudioTrack;
  return format;
}

}  // namespace

Result<publication::TrackFormat> sound_format(std::uint32_t channels) {
  const int made = channels_of(channels);
  const auto encoder = ffmpeg::SoundEncoder::open(made, made * SoundLine::kBitsOfChannel);
  return encoder ? format_of(*encoder) : tl::unexpected<Error>(encoder.error());
}

std::uint32_t sound_kbps(std::uint32_t channels) {
  constexpr std::int64_t kBitsPerKbit = 1000;
  return static_cast<std::uint32_t>(channels_of(channels) * SoundLine::kBitsOfChannel / kBitsPerKbit);
}

Result<void> SoundLine::add(const media::SampleRecord& record, ByteView payload, const media::LogReader& log,
                            const SourceTargets& targets) {
  if (record.sequence < begin_record_) return {};
  targets_ = targets;
  const bool breaks = discontinuity_ && *discontinuity_ != record.discontinuity_sequence;
  const bool changes = !configuration_ || *configuration_ != record.configuration;
  if (breaks || changes) {
    if (Result<void> drained = drain(); !drained) return drained;
  }
  discontinuity_ = record.discontinuity_sequence;
  if (changes) {
    if (Result<void> changed = change_configuration(record.configuration, log); !changed) return changed;
  }
  if (!decoder_) return {};
  times_.add(record, timescale_, targets);
  if (const Result<void> sent = decoder_->send(payload, record.dts); !sent) {
    if (sent.error().code == ffmpeg::errors::kNoMemory) return sent;
    ++undecodable_;
  }
  return take_decoded();
}

Result<void> SoundLine::change_configuration(std::uint32_t index, const media::LogReader& log) {
  const auto configuration = log.configuration(index);
  if (!configuration) return fail("transcoding.no_configuration", "of the source's sound");
  configuration_ = index;
  warned_ = false;
  decoder_.reset();
  if (configuration->description.codec != media::Codec::kAac) {
    const Result<void> opened = open(*configuration);
    if (opened) return {};
    decoder_.reset();
    if (Result<void> left_out = leave_out(opened.error()); !left_out) return left_out;
  }
  if (log_) log_->finish(media::LogEnd::kUnpublished, targets_);
  log_.reset();
  return {};
}

// The pictures go on without it.
Result<void> SoundLine::leave_out(const Error& error) {
  if (error.code == ffmpeg::errors::kNoMemory) return tl::unexpected<Error>(error);
  if (!std::exchange(warned_, true)) log::warning("sound cannot be encoded", {{"reason", error.message}});
  return {};
}

// A decoder of the source's sound; encoder and log go on.
Result<void> SoundLine::open(const media::LogReader::Configuration& configuration) {
  const media::TrackConfiguration& description = configuration.description;
  Result<ffmpeg::Decoder> decoder = ffmpeg::Decoder::open(description, configuration.bytes, {});
  if (!decoder) return tl::unexpected<Error>(decoder.error());
  decoder_.emplace(std::move(*decoder));
  timescale_ = description.timescale;
  if (log_) return {};
  const int channels = channels_of(description.channels);
  Result<ffmpeg::SoundEncoder> encoder = ffmpeg::SoundEncoder::open(channels, channels * kBitsOfChannel);
  if (!encoder) return tl::unexpected<Error>(encoder.error());
  encoder_.emplace(std::move(*encoder));
  Result<publication::TrackFormat> format = format_of(*encoder_);
  if (!format) return tl::unexpected<Error>(format.error());
  Inheritance inheritance = inheritance_of(own_, source_.publication_id, kName);
  inheritance.media_sequence = std::max(inheritance.media_sequence, first_ - 1);
  log_ = std::make_unique<RenditionLog>(arena_, source_, kName, std::move(inheritance), keep_us_);
  log::info("rendition planned", {{"rendition", kName}, {"channels", channels}, {"codec", format->codec}});
  return log_->configure(std::move(*format), sound_kbps(description.channels));
}

Result<void> SoundLine::take_decoded() {
  // A decoder that has nothing but errors to give is not asked for ever.
  constexpr int kMostErrors = 16;
  for (int errors = 0; errors < kMostErrors;) {
    Result<std::optional<ffmpeg::Frame>> frame = decoder_->receive();
    if (!frame) {
      if (frame.error().code == ffmpeg::errors::kNoMemory) return tl::unexpected<Error>(frame.error());
      ++errors;
      continue;
    }
    if (!*frame) break;
    Result<void> done = encoder_->send(std::move(**frame));
    if (done) done = write_what_is_done();
    if (done) continue;
    ++undecodable_;
    if (Result<void> left_out = leave_out(done.error()); !left_out) return left_out;
  }
  return {};
}

Result<void> SoundLine::write_what_is_done() {
  while (true) {
    const auto coded = encoder_->receive();
    if (!coded) return tl::unexpected<Error>(coded.error());
    if (!*coded) return {};
    const std::optional<SourceNote> note = times_.take((*coded)->pts());
    if (!note || !log_->takes(*note)) continue;
    if (Result<void> written = log_->write(**coded, *note, note->pts, true); !written) return written;
  }
}

Result<void> SoundLine::drain() {
  if (!decoder_) return {};
  if (Result<void> drained = decoder_->drain(); !drained) return drained;
  if (Result<void> taken = take_decoded(); !taken) return taken;
  Result<void> done = encoder_->drain();
  if (done) done = write_what_is_done();
  return done ? done : leave_out(done.error());
}

Result<void> SoundLine::finish(media::LogEnd reason, const SourceTargets& targets) {
  const Result<void> drained = drain();
  if (log_) log_->finish(reason, targets);
  return drained;
}

}  // namespace millrace::transcoding
