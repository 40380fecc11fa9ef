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

// write(out, address) for each; all else is copied. Neither a name nor a quotation mark stands in a value:
// those are escaped there.
template <class Write>
std::string rewritten(std::string_view mpd, std::size_t added, Write write) {
  std::string out;
  out.reserve(mpd.size() + 16 * added);
  while (true) {
    const std::size_t value = next_address(mpd);
    const std::size_t end = value == std::string_view::npos ? value : mpd.find('"', value);
    if (end == std::string_view::npos) break;
    out.append(mpd.substr(0, value));
    write(out, mpd.substr(value, end - value));
    mpd.remove_prefix(end);
  }
  out.append(mpd);
  return out;
}

}  // namespace

std::string with_template_query(std::string_view mpd, std::string_view query) {
  return rewritten(mpd, query.size() + 1, [&](std::string& out, std::string_view address) {
    out.append(address).append("?").append(query);
  });
}

std::string with_template_base(std::string_view mpd, std::string_view base) {
  return rewritten(mpd, base.size(), [&](std::string& out, std::string_view address) {
    const bool is_relative = !address.starts_with('/') && address.find("://") == std::string_view::npos;
    out.append(is_relative ? base : "").append(address);
  });
}

}  // namespace millrace::dash
