#include "manifest/dash/template_query.hpp"

#include <algorithm>
#include <array>

namespace millrace::dash {
namespace {

constexpr std::array<std::string_view, 2> kAddresses = {" initialization=\"", " media=\""};

// Where the next value that is an address begins; npos: there is none.
std::size_t next_address(std::string_view text) {
  std::size_t first = std::string_view::npos;
  for (const std::string_view name : kAddresses) {
    const std::size_t at = text.find(name);
    if (at != std::string_view::npos) first = std::min(first, at + name.size());
  }
  return first;
}

}  // namespace

// Neither a name nor a quotation mark stands in a value: those are escaped there.
std::string with_template_query(std::string_view mpd, std::string_view query) {
  std::string out;
  out.reserve(mpd.size() + 16 * (query.size() + 1));
  while (true) {
    const std::size_t value = next_address(mpd);
    const std::size_t end = value == std::string_view::npos ? value : mpd.find('"', value);
    if (end == std::string_view::npos) break;
    out.append(mpd.substr(0, end)).append("?").append(query);
    mpd.remove_prefix(end);
  }
  out.append(mpd);
  return out;
}

}  // namespace millrace::dash
