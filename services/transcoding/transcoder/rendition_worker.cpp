#include "rendition_worker.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ffmpeg/errors.hpp"

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

Result<publication::TrackFormat> checked(Result<publication::TrackFormat> format,
                                         const Rendition& rendition) {
  if (!format) return fail(format.error(), "parameter sets of " + rendition.name);
  media::TrackConfiguration& made = format->description;
  if (format->codec != rendition.codec || made.width != rendition.width || made.height != rendition.height)
    return fail("transcoding.parameters_differ",
                rendition.name + ": " + format->codec + " " + std::to_string(made.width) + "x" +
                    std::to_string(made.height) + " instead of " + rendition.codec);
  made.track = media::kVideoTrack;
  return format;
}

}  // namespace

Result<publication::TrackFormat> format_of(const Rendition& rendition, const EncoderChoice& encoder) {
  const Result<ffmpeg::Encoder> opened = ffmpeg::Encoder::open(settings_of(rendition, encoder));
  if (!opened) return fail(opened.error(), rendition.name);
  if (opened->configuration().empty())
    return fail("transcoding.parameters_late", encoder.name + " states them with its first picture only");
  return checked(publication::format_of_header(opened->codec(), opened->configuration()), rendition);
}

// --- one rendition ---

Result<void> RenditionOutput::open(const EncoderChoice& encoder) {
  Result<ffmpeg::Encoder> opened = ffmpeg::Encoder::open(settings_of(rendition_, encoder));
  if (!opened) return fail(opened.error(), rendition_.name);
  encoder_.emplace(std::move(*opened));
  return {};
}

bool RenditionOutput::takes(const ffmpeg::Frame& source, const SourceNote& note) {
  if (lost_ || !log_->takes(note)) return false;
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
  targets_ = note.targets;
  if (Result<void> sent = encoder_->send(std::move(picture), note.first); !sent)
    return fail(sent.error(), rendition_.name);
  return write_what_is_done();
}

Result<void> RenditionOutput::drain() {
  if (Result<void> drained = encoder_->drain(); !drained) return fail(drained.error(), rendition_.name);
  return write_what_is_done();
}

Result<void> RenditionOutput::lose(const Error& error) {
  if (error.code == ffmpeg::errors::kNoMemory) return tl::unexpected<Error>(error);
  log::warning("rendition lost",
               {{"rendition", rendition_.name}, {"code", error.code.text()}, {"reason", error.message}});
  lost_ = true;
  log_->finish(media::LogEnd::kUnpublished, targets_);
  return {};
}

// Once, before its first picture is written: what was announced is what it is.
Result<void> RenditionOutput::configure() {
  if (configured_) return {};
  Result<publication::TrackFormat> format =
      checked(publication::format_of_header(encoder_->codec(), encoder_->configuration()), rendition_);
  if (!format) return tl::unexpected<Error>(format.error());
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
  Result<void> opened;
  for (const Planned& planned : renditions) {
    worker->outputs_.emplace_back(planned.rendition, planned.log);
    RenditionOutput& output = worker->outputs_.back();
    opened = output.open(encoder);
    if (opened) continue;
    if (Result<void> borne = output.lose(opened.error()); !borne) return tl::unexpected<Error>(borne.error());
  }
  if (worker->all_lost()) return tl::unexpected<Error>(opened.error());
  worker->thread_ = std::thread([raw = worker.get()] { raw->run(); });
  return worker;
}

bool RenditionWorker::put(Picture picture) {
  const std::pair place{picture.note.media_sequence, picture.note.pts};
  if (place <= newest_) return true;
  newest_ = place;
  return queue_.put(std::move(picture));
}

bool RenditionWorker::makes(const std::string& name) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [&](const RenditionOutput& output) { return output.name() == name; });
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
  if (owed_) {
    picture.note.first = true;
    picture.note.discontinuity = picture.note.discontinuity || owed_->discontinuity;
    owed_.reset();
  }
  std::vector<RenditionOutput*> taking;
  for (RenditionOutput& output : outputs_) {
    if (output.takes(picture.frame, picture.note)) taking.push_back(&output);
  }
  if (taking.empty()) return {};
  const SourceNote note = picture.note;
  const Result<std::optional<ffmpeg::Frame>> picture_of_size = scaled(std::move(picture));
  if (!picture_of_size) return tl::unexpected<Error>(picture_of_size.error());
  return *picture_of_size ? encode(**picture_of_size, note, taking) : Result<void>();
}

// nullopt: it cannot be, and is missing; the next one may be of another kind.
Result<std::optional<ffmpeg::Frame>> RenditionWorker::scaled(Picture picture) {
  const Result<void> sent = scale_.send(std::move(picture.frame));
  Result<std::optional<ffmpeg::Frame>> made = sent ? scale_.receive() : tl::unexpected<Error>(sent.error());
  if (made && *made) return made;
  if (!made && made.error().code == ffmpeg::errors::kNoMemory) return made;
  if (!std::exchange(warned_, true))
    log::warning("pictures cannot be scaled", {{"reason", made ? "there are none" : made.error().message}});
  if (picture.note.first) owed_ = picture.note;
  return std::optional<ffmpeg::Frame>();
}

Result<void> RenditionWorker::encode(const ffmpeg::Frame& picture, const SourceNote& note,
                                     std::span<RenditionOutput* const> taking) {
  for (RenditionOutput* output : taking) {
    Result<ffmpeg::Frame> shared = picture.share();
    if (!shared) return tl::unexpected<Error>(shared.error());
    const Result<void> encoded = output->encode(std::move(*shared), note);
    if (encoded) continue;
    if (Result<void> borne = lose(*output, encoded.error()); !borne) return borne;
  }
  return {};
}

Result<void> RenditionWorker::drain() {
  for (RenditionOutput& output : outputs_) {
    if (output.lost()) continue;
    const Result<void> drained = output.drain();
    if (drained) continue;
    if (Result<void> borne = lose(output, drained.error()); !borne) return borne;
  }
  return {};
}

// An error: that was the last one, or memory is missing.
Result<void> RenditionWorker::lose(RenditionOutput& output, const Error& error) {
  if (Result<void> borne = output.lose(error); !borne) return borne;
  return all_lost() ? tl::unexpected<Error>(error) : Result<void>();
}

bool RenditionWorker::all_lost() const {
  return std::all_of(outputs_.begin(), outputs_.end(), [](const auto& output) { return output.lost(); });
}

}  // namespace millrace::transcoding
