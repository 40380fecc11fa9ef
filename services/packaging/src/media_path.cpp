#include "media_path.hpp"

#include <algorithm>
#include <charconv>

#include "base/ids.hpp"

namespace millrace::packaging {
namespace {

constexpr std::size_t kPublicationDigits = 16;

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

// "-<number>"
std::optional<std::uint32_t> take_next_number(std::string_view& text) {
  if (!take(text, "-")) return std::nullopt;
  return take_number<std::uint32_t>(text);
}

}  // namespace

std::string publication_text(PublicationId publication_id) {
  char digits[kPublicationDigits];
  const auto end = std::to_chars(digits, digits + sizeof digits, number_of(publication_id), 16).ptr;
  const auto count = static_cast<std::size_t>(end - digits);
  return std::string(kPublicationDigits - count, '0') + std::string(digits, count);
}

std::string to_string(const RenditionName& name) {
  std::string text = (name.kind == media::TrackKind::kVideo ? 'v' : 'a') + std::to_string(name.number);
  return name.is_made() ? text + '-' + name.rung : text;
}

std::optional<RenditionName> parse_made_rendition(std::string_view text) {
  std::string_view rest = text;
  RenditionName name;
  if (!take(rest, "v")) {
    if (!take(rest, "a")) return std::nullopt;
    name.kind = media::TrackKind::kAudio;
  }
  const auto number = take_number<std::uint8_t>(rest);
  if (!number || !take(rest, "-") || !is_valid_id(rest)) return std::nullopt;
  name.number = *number;
  name.rung = rest;
  // One spelling only.
  return to_string(name) == text ? std::optional(name) : std::nullopt;
}

std::string to_string(const InitName& name) {
  return "init-" + publication_text(name.publication_id) + '-' + std::to_string(name.incarnation) + '-' +
         std::to_string(name.configuration) + ".mp4";
}

namespace {
// What of a segment's name stands behind its number.
std::string name_ending(const SegmentName& name) {
  return '-' + publication_text(name.publication_id) + '-' + std::to_string(name.incarnation) + ".m4s";
}
}  // namespace

std::string to_string(const SegmentName& name) {
  return std::to_string(name.media_sequence) + name_ending(name);
}

NameTemplate name_template(const SegmentName& name) {
  constexpr std::uint64_t kNumbers = 1'000'000'000;
  const std::uint64_t above = name.media_sequence / kNumbers;
  if (above == 0) return {"$Number$" + name_ending(name), 0};
  return {std::to_string(above) + "$Number%09d$" + name_ending(name), above * kNumbers};
}

std::string to_string(const PartName& name) {
  return 'p' + std::to_string(name.number) + '-' + publication_text(name.publication_id) + '-' +
         std::to_string(name.incarnation) + ".m4s";
}

std::optional<InitName> parse_init_name(std::string_view text) {
  std::string_view rest = text;
  if (!take(rest, "init-")) return std::nullopt;
  const auto publication = take_number<std::uint64_t>(rest, 16);
  if (!publication) return std::nullopt;
  const auto incarnation = take_next_number(rest);
  const auto configuration = incarnation ? take_next_number(rest) : std::nullopt;
  if (!configuration) return std::nullopt;
  const InitName name{PublicationId{*publication}, *incarnation, *configuration};
  // One spelling only: no leading zeros, no capitals, nothing behind.
  if (to_string(name) != text) return std::nullopt;
  return name;
}

namespace {

// "<number>-<publication>-<incarnation>.m4s", which prefix stands before.
template <class Name, class Number>
std::optional<Name> parse_numbered(std::string_view text, std::string_view prefix) {
  std::string_view rest = text;
  if (!take(rest, prefix)) return std::nullopt;
  const auto number = take_number<Number>(rest);
  if (!number || !take(rest, "-")) return std::nullopt;
  const auto publication = take_number<std::uint64_t>(rest, 16);
  const auto incarnation = publication ? take_next_number(rest) : std::nullopt;
  if (!incarnation) return std::nullopt;
  const Name name{PublicationId{*publication}, *incarnation, *number};
  if (to_string(name) != text) return std::nullopt;
  return name;
}

}  // namespace

std::optional<SegmentName> parse_segment_name(std::string_view text) {
  return parse_numbered<SegmentName, std::uint64_t>(text, "");
}

std::optional<PartName> parse_part_name(std::string_view text) {
  return parse_numbered<PartName, std::uint32_t>(text, "p");
}

std::optional<std::string_view> parse_flv_path(std::string_view path) {
  constexpr std::string_view kExtension = ".flv";
  constexpr std::string_view kName = "live.flv";
  if (const auto parts = parse_stream_path(path))
    return parts->rendition.empty() && parts->name == kName ? std::optional(parts->stream_id) : std::nullopt;
  if (!take(path, "/live/") || !path.ends_with(kExtension)) return std::nullopt;
  path.remove_suffix(kExtension.size());
  return is_valid_id(path) ? std::optional(path) : std::nullopt;
}

namespace {

// What stands behind "/streams/": lists only, which lead to the objects under /live/.
std::optional<StreamPath> parse_other_path(std::string_view path) {
  constexpr std::string_view kManifest = "dash/manifest.mpd";
  const std::size_t slash = std::min(path.find('/'), path.size());
  StreamPath result{path.substr(0, slash), {}, path.substr(std::min(slash + 1, path.size()))};
  if (!is_valid_id(result.stream_id)) return std::nullopt;
  result.base = "../../live/" + std::string(result.stream_id) + '/';
  if (result.name == kManifest) {
    result.name = kManifestName;
    result.base.insert(0, "../");
    return result;
  }
  return result.is_playlist() ? std::optional(std::move(result)) : std::nullopt;
}

}  // namespace

std::optional<StreamPath> parse_stream_path(std::string_view path) {
  if (take(path, "/streams/")) return parse_other_path(path);
  if (!take(path, "/live/")) return std::nullopt;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  StreamPath result{path.substr(0, slash), {}, path.substr(slash + 1)};
  if (const std::size_t second = result.name.find('/'); second != std::string_view::npos) {
    result.rendition = result.name.substr(0, second);
    result.name.remove_prefix(second + 1);
    if (result.rendition.empty() || result.name.find('/') != std::string_view::npos) return std::nullopt;
  }
  if (!is_valid_id(result.stream_id) || result.name.empty()) return std::nullopt;
  return result;
}

}  // namespace millrace::packaging
