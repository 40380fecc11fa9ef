// millrace-transcoder: the renditions of one publication. A process of its own, as what decodes strangers'
// pictures may crash.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "base/command_line.hpp"
#include "base/log.hpp"
#include "base/regular_file.hpp"
#include "confinement.hpp"
#include "errors.hpp"
#include "ffmpeg/encoder.hpp"
#include "ffmpeg/quiet.hpp"
#include "find_source.hpp"
#include "media/log_names.hpp"
#include "options.hpp"
#include "source_plan.hpp"
#include "status_line.hpp"
#include "transcoder.hpp"
#include "watchdog.hpp"

namespace {

using namespace millrace;               // NOLINT: a program
using namespace millrace::transcoding;  // NOLINT: about nothing else

constexpr int kUsageError = 64;    // EX_USAGE
constexpr int kNoEncoder = 69;     // EX_UNAVAILABLE
constexpr int kNothingThere = 66;  // EX_NOINPUT: no such source
constexpr int kFailure = 1;
constexpr int kStuck = 75;  // EX_TEMPFAIL
constexpr int kLater = 75;
// No picture takes that long, on whatever machine.
constexpr std::chrono::seconds kPatience{60};

std::atomic<bool> stopped{false};

void stop(int) {
  stopped = true;
}

int report_error(const Error& error, int status) {
  log::error("transcoder failed", {{"code", error.code.text()}, {"reason", error.message}});
  return status;
}

int try_all(const std::string& preset) {
  int usable = 0;
  for (const ffmpeg::EncoderName& encoder : ffmpeg::encoder_names()) {
    const Result<void> tried = ffmpeg::try_encoder(encoder.name, preset);
    std::printf("%-12s %s\n", std::string(encoder.name).c_str(),
                tried ? "usable" : tried.error().message.c_str());
    usable += tried ? 1 : 0;
  }
  return usable > 0 ? EXIT_SUCCESS : kNoEncoder;
}

Result<Ladder> ladder_of(const Options& options, media::Codec codec) {
  if (options.ladder_file.empty()) return named_ladder(options.ladder, codec);
  const Result<std::string> text = read_regular_file(options.ladder_file, kMaxLadderBytes);
  if (!text) return tl::unexpected<Error>(text.error());
  return parse_ladder(*text);
}

Result<ffmpeg::EncoderName> encoder_of(const Options& options) {
  const auto known = options.tried ? ffmpeg::find_encoder(options.encoder) : std::nullopt;
  if (known) return *known;
  return ffmpeg::choose_encoder(options.encoder, options.preset);
}

Result<void> confine_as(const Options& options) {
  constexpr std::uint64_t kMegabyte = 1ULL << 20;
  if (Result<void> confined = confine(options.memory_mb * kMegabyte, options.nice); !confined)
    return confined;
  return refuse_system_calls();
}

int plan(const Options& options) {
  const TranscoderSettings& settings = options.transcoder;
  const auto found =
      find_source(settings.directory, settings.stream_id, settings.publication, settings.wait_us);
  if (!found) return report_error(found.error(), kNothingThere);
  Result<SourcePlanner> planner = SourcePlanner::open(*found, settings.line);
  if (!planner) return report_error(planner.error(), kFailure);
  if (Result<void> confined = confine_as(options); !confined) return report_error(confined.error(), kFailure);
  const Result<SourcePlan> made = planner->plan();
  if (!made && made.error().code == transcoding::errors::kNotYet) return kLater;
  if (!made) return report_error(made.error(), kFailure);
  std::cout << plan_line(*made) << std::endl;
  return EXIT_SUCCESS;
}

int transcode(const Options& options) {
  auto transcoder = Transcoder::open(options.transcoder);
  if (!transcoder)
    return report_error(transcoder.error(),
                        transcoder.error().code == transcoding::errors::kNoSource ? kNothingThere : kFailure);
  if (Result<void> confined = confine_as(options); !confined) return report_error(confined.error(), kFailure);
  Watchdog watchdog(kPatience, [] {
    log::error("transcoder makes no progress");
    ::_exit(kStuck);
  });
  const auto report = [&](const TranscoderStatus& status) {
    if (options.status) std::cout << status_line(status, **transcoder) << std::endl;
  };
  const Result<media::LogEnd> end = (*transcoder)->run(stopped, report, [&] { watchdog.beat(); });
  if (!end) return report_error(end.error(), kFailure);
  log::info("transcoding ended",
            {{"stream", (*transcoder)->source().stream_id}, {"reason", media::name_of(*end)}});
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0);
  if (asks_for_help(arguments)) {
    std::cout << kUsage;
    return EXIT_SUCCESS;
  }
  const Environment environment = process_environment();
  if (Result<void> started = start_log_from_environment("transcoder", environment); !started) {
    std::cerr << started.error().message << '\n';
    return kUsageError;
  }
  Result<Options> options = parse_options(arguments, environment, std::thread::hardware_concurrency());
  if (!options) {
    std::cerr << options.error().message << '\n' << kUsage;
    return kUsageError;
  }
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  if (options->with_parent) {
    if (Result<void> bound = end_with_parent(); !bound) return report_error(bound.error(), kFailure);
  }
  ffmpeg::quiet();
  if (options->try_encoders) return try_all(options->preset);
  const Result<ffmpeg::EncoderName> encoder = encoder_of(*options);
  if (options->choose) std::cout << (encoder ? encoder->name : encoder.error().message) << std::endl;
  if (!encoder) return report_error(encoder.error(), kNoEncoder);
  if (options->choose) return EXIT_SUCCESS;
  LineSettings& line = options->transcoder.line;
  line.encoder = {std::string(encoder->name), options->preset, encoder->codec};
  const Result<Ladder> ladder = ladder_of(*options, encoder->codec);
  if (!ladder) {
    std::cerr << ladder.error().message << '\n';
    return kUsageError;
  }
  line.ladder = *ladder;
  if (options->plan) return plan(*options);
  std::optional<WantedReader> wanted;
  if (options->controlled) {
    wanted.emplace(STDIN_FILENO);
    options->transcoder.wanted = [&wanted] { return wanted->take(); };
  }
  return transcode(*options);
}
