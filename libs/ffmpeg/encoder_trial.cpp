#include <array>
#include <vector>

#include "ffmpeg/av.hpp"
#include "ffmpeg/encoder.hpp"

namespace millrace::ffmpeg {
namespace {

constexpr int kWidth = 320;  // above what hardware encoders ask for at least
constexpr int kHeight = 180;
constexpr int kPictures = 20;
constexpr int kForced = 7;  // after the first, no multiple of any group of pictures
constexpr std::int64_t kStep = 3000;
constexpr std::uint8_t kDarkest = 40;

EncoderSettings trial_settings(std::string_view name, std::string_view preset) {
  EncoderSettings settings;
  settings.encoder = name;
  settings.preset = preset;
  settings.width = kWidth;
  settings.height = kHeight;
  settings.bit_rate = 300'000;
  settings.max_rate = 330'000;
  settings.buffer_bits = 300'000;
  return settings;
}

struct Trial {
  Bytes configuration;
  std::vector<std::int64_t> keys;  // which pictures
};

Result<void> take(Encoder& encoder, Trial& trial) {
  while (true) {
    const auto coded = encoder.receive();
    if (!coded) return tl::unexpected<Error>(coded.error());
    if (!*coded) return {};
    if ((*coded)->key()) trial.keys.push_back((*coded)->pts() / kStep);
  }
}

Result<void> encode(Encoder& encoder, Trial& trial) {
  for (int i = 0; i < kPictures; ++i) {
    Result<Frame> frame = Frame::grey(kWidth, kHeight, static_cast<std::uint8_t>(kDarkest + 8 * i));
    if (!frame) return tl::unexpected<Error>(frame.error());
    frame->set_pts(i * kStep);
    if (Result<void> sent = encoder.send(std::move(*frame), i == 0 || i == kForced); !sent) return sent;
    if (Result<void> taken = take(encoder, trial); !taken) return taken;
  }
  if (Result<void> drained = encoder.drain(); !drained) return drained;
  return take(encoder, trial);
}

Result<Trial> run(std::string_view name, std::string_view preset) {
  Result<Encoder> encoder = Encoder::open(trial_settings(name, preset));
  if (!encoder) return tl::unexpected<Error>(encoder.error());
  Trial trial;
  if (Result<void> encoded = encode(*encoder, trial); !encoded) return tl::unexpected<Error>(encoded.error());
  trial.configuration = encoder->configuration();
  return trial;
}

}  // namespace

Result<void> try_encoder(std::string_view name, std::string_view preset) {
  const Result<Trial> first = run(name, preset);
  if (!first) return tl::unexpected<Error>(first.error());
  const std::string who(name);
  if (first->keys != std::vector<std::int64_t>{0, kForced})
    return fail(errors::kNotUsable, who + " does not put key frames where they are asked for");
  if (first->configuration.empty()) return fail(errors::kNotUsable, who + " has no parameter sets");
  const Result<Trial> second = run(name, preset);
  if (!second) return tl::unexpected<Error>(second.error());
  if (second->configuration != first->configuration)
    return fail(errors::kNotUsable, who + " has other parameter sets each time");
  return {};
}

Result<EncoderName> choose_encoder(std::string_view wanted, std::string_view preset) {
  const std::array one{wanted};
  const std::span<const std::string_view> tried =
      wanted == kAutomatic ? automatic_encoders() : std::span<const std::string_view>(one);
  Error last{errors::kUnknownName, "no encoder " + std::string(wanted)};
  for (const std::string_view name : tried) {
    const std::optional<EncoderName> encoder = find_encoder(name);
    const Result<void> usable = try_encoder(name, preset);
    if (encoder && usable) return *encoder;
    if (!usable) last = usable.error();
  }
  return tl::unexpected<Error>(last);
}

}  // namespace millrace::ffmpeg
