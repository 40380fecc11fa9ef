#include "rendition_worker.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace millrace::transcoding {
namespace {

ffmpeg::EncoderSettings settings_of(const Rendition& rendition, const EncoderChoice& encoder) {
  constexpr std::int64_t kBitsPerKbit = 1000;
  ffmpeg::EncoderSettings settings;
  settings.encoder = encoder.name;
  settings.preset = encoder.preset;
  settings.width = static_cast<int>(rendition.width);
  settings.height = static_cast<int>(rendition.height);
  settings.frame_rate = {rendition.frame_rate.num, rendition.frame_rate.den};
  settings.bit_rate = rendition.kbps * kBitsPerKbit;
  settings.max_rate = rendition.max_kbps * kBitsPerKbit;
  settings.buffer_bits = rendition.buffer_kbit * kBitsPerKbit;
  settings.colour = rendition.colour;
  settings.level = rendition.level;
  settings.reference_frames = rendition.reference_frames;
  settings.threads = rendition.threads;
  return settings;
}

}  // namespace

// --- one rendition ---

Result<void> RenditionOutput::open(const EncoderChoice& encoder) {
  Result<ffmpeg::Encoder> opened = ffmpeg::Encoder::open(settings_of(rendition_, encoder));
  if (!opened) return fail(opened.error(), rendition_.name);
  encoder_.emplace(std::move(*opened));
  return {};
}

bool RenditionOutput::takes(const ffmpeg::Frame& source, const SourceNote& note) {
  if (!log_->takes(note)) return false;
  if (decimator_.keeps(note.first)) return true;
  // What a picture may carry: 31 triplets (CEA-708).
  constexpr std::size_t kMostCaptions = 31 * 3;
  const Bytes captions = source.captions();
  if (captions_.size() + captions.size() <= kMostCaptions)
    captions_.insert(captions_.end(), captions.begin(), captions.end());
  return false;
}

Result<void> RenditionOutput::encode(ffmpeg::Frame picture, const SourceNote& note) {
  if (!captions_.empty()) {
    const Bytes own = picture.captions();
    captions_.insert(captions_.end(), own.begin(), own.end());
    if (Result<void> set = picture.set_captions(captions_); !set) return set;
    captions_.clear();
  }
  in_encoder_.push_back(note);
  if (Result<void> sent = encoder_->send(std::move(picture), note.first); !sent)
    return fail(sent.error(), rendition_.name);
  return write_what_is_done();
}

Result<void> RenditionOutput::drain() {
  if (Result<void> drained = encoder_->drain(); !drained) return fail(drained.error(), rendition_.name);
  return write_what_is_done();
}

// Once, before its first picture is written: what was announced is what it is.
Result<void> RenditionOutput::configure() {
  if (configured_) return {};
  Result<publication::TrackFormat> format =
      publication::format_of_header(encoder_->codec(), encoder_->configuration());
  if (!format) return fail(format.error(), "parameter sets of " + rendition_.name);
  media::TrackConfiguration& made = format->description;
  if (format->codec != rendition_.codec || made.width != rendition_.width || made.height != rendition_.height)
    return fail("transcoding.parameters_differ",
                rendition_.name + ": " + format->codec + " " + std::to_string(made.width) + "x" +
                    std::to_string(made.height) + " instead of " + rendition_.codec);
  made.track = media::kVideoTrack;
  configured_ = true;
  return log_->configure(std::move(*format), rendition_.peak_kbps);
}

Result<void> RenditionOutput::write_what_is_done() {
  while (true) {
    const auto coded = encoder_->receive();
    if (!coded) return fail(coded.error(), rendition_.name);
    if (!*coded) return {};
    if (Result<void> set = configure(); !set) return set;
    const std::int64_t pts = (*coded)->pts();
    while (!in_encoder_.empty() && in_encoder_.front().pts < pts) in_encoder_.pop_front();
    if (in_encoder_.empty() || in_encoder_.front().pts != pts)
      return fail("transcoding.strange_picture", rendition_.name + ": a picture that was never encoded");
    if (in_encoder_.front().first != (*coded)->key())
      return fail("transcoding.key_frame", rendition_.name + ": a key frame is not where a segment begins");
    const Result<void> written = log_->write(**coded, in_encoder_.front(), (*coded)->dts(), (*coded)->key());
    if (!written) return written;
    in_encoder_.pop_front();
  }
}

// --- the thread ---

Result<std::unique_ptr<RenditionWorker>> RenditionWorker::start(const std::vector<Planned>& renditions,
                                                                const EncoderChoice& encoder) {
  const Rendition& size = renditions.front().rendition;
  std::unique_ptr<RenditionWorker> worker(
      new RenditionWorker(static_cast<int>(size.width), static_cast<int>(size.height)));
  for (const Planned& planned : renditions) {
    worker->outputs_.emplace_back(planned.rendition, planned.log);
    if (Result<void> opened = worker->outputs_.back().open(encoder); !opened)
      return tl::unexpected<Error>(opened.error());
  }
  worker->thread_ = std::thread([raw = worker.get()] { raw->run(); });
  return worker;
}

RenditionWorker::~RenditionWorker() {
  abandoned_ = true;
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

Result<void> RenditionWorker::finish() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  return result_;
}

void RenditionWorker::run() {
  while (std::optional<Picture> picture = queue_.take()) {
    if (abandoned_) return;
    const std::int64_t begun_us = monotonic_us();
    result_ = transcode(std::move(*picture));
    busy_us_ += monotonic_us() - begun_us;
    if (!result_) {
      queue_.close();
      return;
    }
  }
  result_ = drain();
}

Result<void> RenditionWorker::transcode(Picture picture) {
  std::vector<RenditionOutput*> taking;
  for (RenditionOutput& output : outputs_) {
    if (output.takes(picture.frame, picture.note)) taking.push_back(&output);
  }
  if (taking.empty()) return {};
  if (Result<void> sent = scale_.send(std::move(picture.frame)); !sent) return sent;
  const Result<std::optional<ffmpeg::Frame>> scaled = scale_.receive();
  if (!scaled) return tl::unexpected<Error>(scaled.error());
  if (!*scaled) return fail("transcoding.no_picture", "scaling gave none");
  for (RenditionOutput* output : taking) {
    Result<ffmpeg::Frame> shared = (*scaled)->share();
    if (!shared) return tl::unexpected<Error>(shared.error());
    if (Result<void> encoded = output->encode(std::move(*shared), picture.note); !encoded) return encoded;
  }
  return {};
}

Result<void> RenditionWorker::drain() {
  for (RenditionOutput& output : outputs_) {
    if (Result<void> drained = output.drain(); !drained) return drained;
  }
  return {};
}

}  // namespace millrace::transcoding
