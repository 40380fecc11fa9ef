#include "picture_line.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "ffmpeg/errors.hpp"

namespace millrace::transcoding {
namespace {

void log_plan(const Plan& plan, const EncoderChoice& encoder) {
  for (const Rendition& made : plan.renditions) {
    log::info("rendition planned", {{"rendition", made.name},
                                    {"size", std::to_string(made.width) + "x" + std::to_string(made.height)},
                                    {"kbps", made.kbps},
                                    {"codec", made.codec},
                                    {"every", made.divisor},
                                    {"encoder", encoder.name}});
  }
  for (const std::string& reason : plan.left_out) log::info("rendition left out", {{"reason", reason}});
}

}  // namespace

Result<void> PictureLine::add(const media::SampleRecord& record, ByteView payload,
                              const media::LogReader& log, const SourceTargets& targets) {
  ++counters_.pictures_in;
  targets_ = targets;
  const bool breaks = discontinuity_ && *discontinuity_ != record.discontinuity_sequence;
  const bool changes = !configuration_ || *configuration_ != record.configuration;
  // A decoder may keep what damage has made it believe, also of whole pictures that come after it.
  const bool stuck = misses_ >= kMostMisses && (record.flags & media::kSampleKey) != 0;
  if (breaks || changes || stuck) {
    if (Result<void> drained = drain(); !drained) return drained;
  }
  discontinuity_ = record.discontinuity_sequence;
  if (changes || stuck) {
    if (Result<void> changed = change_configuration(record.configuration, log); !changed) return changed;
  }
  if (!decoder_) {
    ++counters_.undecodable;
    return {};
  }
  times_.add(record, targets);
  const Result<void> sent = decoder_->send(payload, record.dts + record.composition_offset);
  if (!sent) {
    if (sent.error().code == ffmpeg::errors::kNoMemory) return sent;
    ++counters_.undecodable;
    ++misses_;
  }
  return take_decoded();
}

Result<void> PictureLine::change_configuration(std::uint32_t index, const media::LogReader& log) {
  const auto configuration = log.configuration(index);
  if (!configuration) return fail("transcoding.no_configuration", "of the source's picture");
  configuration_ = index;
  misses_ = 0;
  if (Result<void> opened = open_decoder(*configuration); !opened) {
    if (opened.error().code == ffmpeg::errors::kNoMemory) return opened;
    // The sound goes on without them, and pictures of another configuration may come.
    log::warning("pictures cannot be decoded", {{"reason", opened.error().message}});
  }
  stated_rate_ = stated_rate(*configuration, rates_.kbps != 0 ? fps_of(rates_) : measure_.fps);
  return {};
}

Result<void> PictureLine::open_decoder(const media::LogReader::Configuration& configuration) {
  ffmpeg::DecoderLimits limits;
  limits.max_pixels = static_cast<std::int64_t>(settings_.limits.max_source_pixels);
  decoder_.reset();
  Result<ffmpeg::Decoder> decoder =
      ffmpeg::Decoder::open(configuration.description, configuration.bytes, limits);
  if (!decoder) return tl::unexpected<Error>(decoder.error());
  decoder_.emplace(std::move(*decoder));
  return {};
}

Result<void> PictureLine::interrupt() {
  return drain();
}

Result<void> PictureLine::rewind() {
  if (Result<void> drained = drain(); !drained) return drained;
  times_ = PictureTimes();
  configuration_.reset();
  discontinuity_.reset();
  return {};
}

// All that was sent comes out, and the decoder begins anew.
Result<void> PictureLine::drain() {
  if (!decoder_) return {};
  if (Result<void> drained = decoder_->drain(); !drained) return drained;
  if (Result<void> taken = take_decoded(); !taken) return taken;
  if (deinterlace_) {
    if (Result<void> drained = deinterlace_->drain(); !drained) return drained;
    if (Result<void> taken = take_deinterlaced(); !taken) return taken;
  }
  times_.forget();
  return {};
}

Result<void> PictureLine::take_decoded() {
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
    if ((*frame)->interlaced() && !deinterlace_) deinterlace_.emplace(ffmpeg::deinterlace);
    if (!deinterlace_) {
      if (Result<void> handed = hand_out(std::move(**frame)); !handed) return handed;
      continue;
    }
    if (Result<void> sent = deinterlace_->send(std::move(**frame)); !sent) return sent;
    if (Result<void> taken = take_deinterlaced(); !taken) return taken;
  }
  counters_.left_out = times_.left_out();
  return {};
}

Result<void> PictureLine::take_deinterlaced() {
  while (true) {
    Result<std::optional<ffmpeg::Frame>> frame = deinterlace_->receive();
    if (!frame) return tl::unexpected<Error>(frame.error());
    if (!*frame) return {};
    if (Result<void> handed = hand_out(std::move(**frame)); !handed) return handed;
  }
}

Result<void> PictureLine::hand_out(ffmpeg::Frame frame) {
  const std::optional<SourceNote> note = times_.take(frame.pts());
  if (!note) return {};
  ++counters_.pictures;
  misses_ = 0;
  // Encoders start again where a segment does, for they begin with a key frame: until then pictures of
  // another shape are fitted into those that are planned.
  const SourceShape shape = shape_of(frame, stated_rate_);
  if (note->first && (!(shape_ == shape) || rates_changed_)) {
    if (Result<void> planned = plan_for(shape); !planned) return planned;
  }
  Result<void> failed;
  std::erase_if(workers_, [&](const auto& worker) {
    const Result<void> was_put = put(frame, *note, *worker);
    if (!was_put && failed) failed = was_put;
    return !was_put;
  });
  return borne(failed);
}

// A worker that fails takes its renditions with it; the others go on while there are any.
Result<void> PictureLine::borne(const Result<void>& failed) const {
  if (failed || (!workers_.empty() && failed.error().code != ffmpeg::errors::kNoMemory)) return {};
  return failed;
}

Result<void> PictureLine::put(const ffmpeg::Frame& frame, const SourceNote& note, RenditionWorker& worker) {
  Result<ffmpeg::Frame> shared = frame.share();
  if (!shared) return tl::unexpected<Error>(shared.error());
  const std::int64_t begun_us = monotonic_us();
  const bool taken = worker.put({std::move(*shared), note});
  waited_us_ += monotonic_us() - begun_us;
  return taken ? Result<void>() : worker.finish();
}

Result<void> PictureLine::plan_for(const SourceShape& shape) {
  const SourceDescription source = describe(shape, rates_.kbps != 0 ? rates_.kbps : measure_.most_kbps());
  Result<Plan> plan = plan_renditions(source, settings_.ladder, settings_.limits, settings_.encoder);
  if (!plan) return tl::unexpected<Error>(plan.error());
  shape_ = shape;
  rates_changed_ = false;
  if (counters_.plans != 0 && plan->renditions == plan_.renditions) return {};
  ++counters_.plans;
  if (Result<void> stopped = stop_workers(); !stopped) return stopped;
  plan_ = std::move(*plan);
  log_plan(plan_, settings_.encoder);
  return start_workers();
}

std::shared_ptr<RenditionLog> PictureLine::make_log(const std::string& name) const {
  Inheritance inheritance = inheritance_of(own_, source_.publication_id, name);
  inheritance.media_sequence = std::max(inheritance.media_sequence, first_ - 1);
  return std::make_shared<RenditionLog>(arena_, source_, name, std::move(inheritance), settings_.keep_us);
}

// Those of the plan that are wanted and that no worker makes.
Result<void> PictureLine::start_workers() {
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, std::vector<RenditionWorker::Planned>>
      sizes;
  std::map<std::string, std::shared_ptr<RenditionLog>> kept;
  for (const Rendition& made : plan_.renditions) {
    if (!is_wanted(made.name)) continue;
    std::shared_ptr<RenditionLog>& log = kept[made.name];
    const auto known = logs_.find(made.name);
    log = known != logs_.end() && !known->second->ended() ? known->second : make_log(made.name);
    const bool is_made = std::any_of(workers_.begin(), workers_.end(),
                                     [&](const auto& worker) { return worker->makes(made.name); });
    // What comes and goes by itself has a worker by itself.
    if (!is_made) sizes[{made.width, made.height, wanted_ ? made.name : ""}].push_back({made, log});
  }
  for (const auto& [name, log] : logs_) {
    if (!kept.contains(name)) log->finish(media::LogEnd::kUnpublished, targets_);
  }
  logs_ = std::move(kept);
  Result<void> failed;
  for (const auto& [size, renditions] : sizes) {
    auto worker = RenditionWorker::start(renditions, settings_.encoder);
    if (worker)
      workers_.push_back(std::move(*worker));
    else if (failed)
      failed = tl::unexpected<Error>(worker.error());
  }
  return borne(failed);
}

// From the first time on each has a worker of its own, which is there before there is anything.
Result<void> PictureLine::want(const std::set<std::string>& names, const SourceRates& rates) {
  wanted_ = names;
  rates_changed_ = rates_changed_ || !(rates_ == rates);
  rates_ = rates;
  Result<void> result;
  std::erase_if(workers_, [&](const auto& worker) {
    const bool goes_on =
        std::all_of(plan_.renditions.begin(), plan_.renditions.end(),
                    [&](const Rendition& made) { return !worker->makes(made.name) || is_wanted(made.name); });
    if (goes_on) return false;
    const Result<void> finished = worker->finish();
    if (!finished && finished.error().code == ffmpeg::errors::kNoMemory) result = finished;
    return true;
  });
  const Result<void> started = start_workers();
  return result ? started : result;
}

// A rendition that fails with its last pictures is lost; that is said already.
Result<void> PictureLine::stop_workers() {
  Result<void> result;
  for (const auto& worker : workers_) {
    const Result<void> finished = worker->finish();
    if (!finished && finished.error().code == ffmpeg::errors::kNoMemory) result = finished;
  }
  workers_.clear();
  return result;
}

Result<void> PictureLine::finish(media::LogEnd reason, const SourceTargets& targets) {
  Result<void> drained = drain();
  Result<void> stopped = stop_workers();
  for (const auto& [name, log] : logs_) log->finish(reason, targets);
  return drained ? stopped : drained;
}

const RenditionLog* PictureLine::log_of(const std::string& name) const {
  const auto found = logs_.find(name);
  return found == logs_.end() ? nullptr : found->second.get();
}

}  // namespace millrace::transcoding
