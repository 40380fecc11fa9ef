#include "rtmp/colour_info.hpp"

#include <array>
#include <cmath>
#include <string_view>

#include "rtmp/amf0.hpp"

namespace millrace::rtmp {
namespace {

// In units of 1 / scale; nullopt: no number, or out of range.
std::optional<std::uint32_t> scaled(const amf0::Object& object, std::string_view name, double most,
                                    double scale) {
  const amf0::Value* const value = object.find(name);
  const double* const number = value == nullptr ? nullptr : value->as<double>();
  if (number == nullptr || !std::isfinite(*number) || *number < 0 || *number > most) return std::nullopt;
  return static_cast<std::uint32_t>(std::lround(*number * scale));
}

const amf0::Object* part(const amf0::Object& object, std::string_view name) {
  const amf0::Value* const value = object.find(name);
  return value == nullptr ? nullptr : value->as<amf0::Object>();
}

std::optional<codecs::Colour> read_colour(const amf0::Object& config) {
  const auto code = [&](std::string_view name) { return scaled(config, name, 255, 1); };
  const auto primaries = code("colorPrimaries");
  const auto transfer = code("transferCharacteristics");
  const auto matrix = code("matrixCoefficients");
  if (!primaries && !transfer && !matrix) return std::nullopt;
  constexpr std::uint32_t kUnspecified = 2;
  return codecs::Colour{static_cast<std::uint8_t>(primaries.value_or(kUnspecified)),
                        static_cast<std::uint8_t>(transfer.value_or(kUnspecified)),
                        static_cast<std::uint8_t>(matrix.value_or(kUnspecified)), false};
}

std::optional<codecs::ContentLight> read_light(const amf0::Object& light) {
  constexpr double kMostNits = 65'535;
  const auto content = scaled(light, "maxCLL", kMostNits, 1);
  const auto average = scaled(light, "maxFall", kMostNits, 1);
  if (!content || !average || (*content == 0 && *average == 0)) return std::nullopt;
  return codecs::ContentLight{static_cast<std::uint16_t>(*content), static_cast<std::uint16_t>(*average)};
}

std::optional<codecs::MasteringDisplay> read_mastering(const amf0::Object& mdcv) {
  constexpr std::array<std::string_view, 8> kCoordinates = {"greenX", "greenY", "blueX",       "blueY",
                                                            "redX",   "redY",   "whitePointX", "whitePointY"};
  constexpr double kCoordinateUnits = 50'000;
  constexpr double kLuminanceUnits = 10'000;
  constexpr double kMostNits = 100'000;
  codecs::MasteringDisplay display;
  for (std::size_t i = 0; i < kCoordinates.size(); ++i) {
    const auto coordinate = scaled(mdcv, kCoordinates.at(i), 1, kCoordinateUnits);
    if (!coordinate) return std::nullopt;
    display.chromaticity.at(i) = static_cast<std::uint16_t>(*coordinate);
  }
  const auto most = scaled(mdcv, "maxLuminance", kMostNits, kLuminanceUnits);
  const auto least = scaled(mdcv, "minLuminance", kMostNits, kLuminanceUnits);
  if (!most || !least || *most <= *least) return std::nullopt;
  display.max_luminance = *most;
  display.min_luminance = *least;
  return display;
}

}  // namespace

std::optional<ColourInfo> parse_colour_info(ByteView payload) {
  amf0::Reader reader(payload);
  const auto name = reader.read();
  if (!name || name->as<std::string>() == nullptr || *name->as<std::string>() != "colorInfo")
    return std::nullopt;
  ColourInfo info;
  if (reader.empty()) return info;
  const auto value = reader.read();
  if (!value) return std::nullopt;
  const auto* const object = value->as<amf0::Object>();
  if (object == nullptr) return info;
  if (const auto* config = part(*object, "colorConfig")) info.colour = read_colour(*config);
  if (const auto* light = part(*object, "hdrCll")) info.hdr.light = read_light(*light);
  if (const auto* mdcv = part(*object, "hdrMdcv")) info.hdr.mastering = read_mastering(*mdcv);
  return info;
}

}  // namespace millrace::rtmp
