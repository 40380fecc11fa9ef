#include "media_path.hpp"

#include <charconv>

#include "base/ids.hpp"

namespace millrace::packaging {
namespace {

constexpr std::size_t kPublicationDigits = 16;

std::string publication_text(std::uint64_t publication_id) {
  char digits[kPublicationDigits];
  const auto end = std::to_chars(digits, digits + sizeof digits, publication_id, 16).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  return std::string(kPublicationDigits - count, '0') + std::string(digits, count);
}

std::string configuration_text(std::optional<std::uint32_t> configuration) {
  return configuration ? std::to_string(*configuration) : "x";
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

template <class Number>
std::optional<Number> take_number(std::string_view& text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take_configuration(std::string_view& text, std::optional<std::uint32_t>& configuration) {
  if (take(text, "x")) return true;
  configuration = take_number<std::uint32_t>(text);
  return configuration.has_value();
}

}  // namespace

std::string to_string(const InitName& name) {
  return "init-" + publication_text(name.publication_id) + '-' +
         configuration_text(name.configurations[kVideo]) + '-' +
         configuration_text(name.configurations[kAudio]) + ".mp4";
}

std::string to_string(const SegmentName& name) {
  return std::to_string(name.media_sequence) + '-' + publication_text(name.publication_id) + ".m4s";
}

std::optional<InitName> parse_init_name(std::string_view text) {
  std::string_view rest = text;
  if (!take(rest, "init-")) return std::nullopt;
  const auto publication = take_number<std::uint64_t>(rest, 16);
  if (!publication || !take(rest, "-")) return std::nullopt;
  InitName name{*publication, {}};
  if (!take_configuration(rest, name.configurations[kVideo]) || !take(rest, "-")) return std::nullopt;
  if (!take_configuration(rest, name.configurations[kAudio])) return std::nullopt;
  // One spelling only: no leading zeros, no capitals, nothing behind.
  if (to_string(name) != text) return std::nullopt;
  return name;
}

std::optional<SegmentName> parse_segment_name(std::string_view text) {
  std::string_view rest = text;
  const auto media_sequence = take_number<std::uint64_t>(rest);
  if (!media_sequence || !take(rest, "-")) return std::nullopt;
  const auto publication = take_number<std::uint64_t>(rest, 16);
  if (!publication) return std::nullopt;
  const SegmentName name{*publication, *media_sequence};
  if (to_string(name) != text) return std::nullopt;
  return name;
}

std::optional<std::string_view> parse_flv_path(std::string_view path) {
  constexpr std::string_view kExtension = ".flv";
  constexpr std::string_view kName = "live.flv";
  if (const auto parts = parse_stream_path(path))
    return parts->name == kName ? std::optional(parts->stream_id) : std::nullopt;
  if (!take(path, "/live/") || !path.ends_with(kExtension)) return std::nullopt;
  path.remove_suffix(kExtension.size());
  return is_valid_id(path) ? std::optional(path) : std::nullopt;
}

std::optional<StreamPath> parse_stream_path(std::string_view path) {
  if (!take(path, "/live/")) return std::nullopt;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const StreamPath result{path.substr(0, slash), path.substr(slash + 1)};
  if (!is_valid_id(result.stream_id) || result.name.empty()) return std::nullopt;
  return result;
}

}  // namespace millrace::packaging
