#include "manifest/hls/date_range.hpp"

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "manifest/hls/text.hpp"

namespace millrace::hls {
namespace {

void append_quoted(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  out += "=\"";
  append_clean(out, text);
  out += '"';
}

std::string_view name_of(DateRange::Splice splice) {
  switch (splice) {
    case DateRange::Splice::kOut:
      return ",SCTE35-OUT=0x";
    case DateRange::Splice::kIn:
      return ",SCTE35-IN=0x";
    case DateRange::Splice::kCommand:
      break;
  }
  return ",SCTE35-CMD=0x";
}

}  // namespace

void append_date_range(std::string& out, const DateRange& range) {
  append_quoted(out, "#EXT-X-DATERANGE:ID", range.id);
  append_quoted(out, ",CLASS", range.scheme);
  append_quoted(out, ",START-DATE", rfc3339(range.start));
  if (range.end) {
    append_quoted(out, ",END-DATE", rfc3339(*range.end));
    out += ",DURATION=";
    append_seconds(out, *range.end - range.start);
  }
  if (range.planned_duration_us) {
    out += ",PLANNED-DURATION=";
    append_seconds(out, *range.planned_duration_us);
  }
  out += name_of(range.splice);
  out += encode_hex(range.section);
  out += '\n';
}

}  // namespace millrace::hls
