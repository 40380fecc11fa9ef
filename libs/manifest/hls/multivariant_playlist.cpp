#include "manifest/hls/multivariant_playlist.hpp"

#include <algorithm>
#include <string_view>

#include "manifest/hls/text.hpp"

namespace millrace::hls {
namespace {

void append_codecs(std::string& out, const std::vector<std::string>& codecs) {
  if (codecs.empty()) return;
  out += ",CODECS=\"";
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    if (i > 0) out += ',';
    append_clean(out, codecs[i]);
  }
  out += '"';
}

// Three decimals, as RFC 8216 4.3.4.2 recommends.
void append_frame_rate(std::string& out, std::uint32_t millihertz) {
  std::string fraction = std::to_string(millihertz % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  out += ",FRAME-RATE=" + std::to_string(millihertz / 1000) + '.' + fraction;
}

// Nothing where there is no text.
void append_quoted(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out += name;
  out += '"';
  append_clean(out, text);
  out += '"';
}

std::string_view type_name(Alternative::Type type) {
  switch (type) {
    case Alternative::Type::kAudio:
      return "AUDIO";
    case Alternative::Type::kVideo:
      return "VIDEO";
    case Alternative::Type::kClosedCaptions:
      break;
  }
  return "CLOSED-CAPTIONS";
}

// RFC 8216 4.3.4.1. AUTOSELECT: a player may choose it by its language or the viewer's settings.
void append_alternative(std::string& out, const Alternative& alternative) {
  out += "#EXT-X-MEDIA:TYPE=";
  out += type_name(alternative.type);
  append_quoted(out, ",GROUP-ID=", alternative.group);
  append_quoted(out, ",LANGUAGE=", alternative.language);
  append_quoted(out, ",NAME=", alternative.name);
  out += alternative.is_default ? ",DEFAULT=YES,AUTOSELECT=YES" : ",DEFAULT=NO,AUTOSELECT=YES";
  if (alternative.channels > 0) append_quoted(out, ",CHANNELS=", std::to_string(alternative.channels));
  append_quoted(out, ",INSTREAM-ID=", alternative.instream_id);
  append_quoted(out, ",URI=", alternative.uri);
  out += '\n';
}

void append_variant(std::string& out, const Variant& variant) {
  out += "#EXT-X-STREAM-INF:BANDWIDTH=" + std::to_string(std::max<std::uint64_t>(variant.bandwidth, 1));
  if (variant.average_bandwidth > 0) out += ",AVERAGE-BANDWIDTH=" + std::to_string(variant.average_bandwidth);
  append_codecs(out, variant.codecs);
  if (variant.width > 0 && variant.height > 0) {
    out += ",RESOLUTION=" + std::to_string(variant.width) + 'x' + std::to_string(variant.height);
  }
  if (variant.frame_rate_millihertz > 0) append_frame_rate(out, variant.frame_rate_millihertz);
  if (!variant.video_range.empty()) {
    out += ",VIDEO-RANGE=";
    append_clean(out, variant.video_range);
  }
  append_quoted(out, ",AUDIO=", variant.audio_group);
  append_quoted(out, ",VIDEO=", variant.video_group);
  if (variant.captions_group == kNoCaptions) {
    out += ",CLOSED-CAPTIONS=NONE";
  } else {
    append_quoted(out, ",CLOSED-CAPTIONS=", variant.captions_group);
  }
  out += '\n';
  append_clean(out, variant.uri);
  out += '\n';
}

}  // namespace

std::string serialize(const MultivariantPlaylist& playlist) {
  std::string out = "#EXTM3U\n#EXT-X-VERSION:7\n";
  for (const Alternative& alternative : playlist.alternatives) append_alternative(out, alternative);
  for (const Variant& variant : playlist.variants) append_variant(out, variant);
  return out;
}

}  // namespace millrace::hls
