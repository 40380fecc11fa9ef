#include "manifest/hls/uri_query.hpp"

#include <algorithm>

namespace millrace::hls {
namespace {

// Where the value of a tag's attribute URI ends; npos: it has none. What looks like one in another
// attribute's name or value is none.
std::size_t end_of_uri(std::string_view tag) {
  std::size_t at = tag.find(':');
  while (at < tag.size()) {
    const std::size_t name = at + 1;
    const std::size_t value = std::min(tag.find('=', name), tag.size() - 1) + 1;
    if (value == tag.size()) break;
    const bool quoted = tag[value] == '"';
    const std::size_t end = quoted ? tag.find('"', value + 1) : tag.find(',', value);
    if (quoted && end != std::string_view::npos && tag.substr(name, value - name) == "URI=") return end;
    at = quoted ? tag.find(',', end) : end;
  }
  return std::string_view::npos;
}

// before: a line up to where a URI ends, that of a tag in quotes.
bool has_query(std::string_view before) {
  const std::size_t quote = before.rfind('"');
  return before.substr(quote == std::string_view::npos ? 0 : quote).find('?') != std::string_view::npos;
}

// write(out, line, end of its URI) for each line that has one; the others are copied.
template <class Write>
std::string rewritten(std::string_view playlist, std::size_t added, Write write) {
  std::string out;
  // Lines are rarely shorter than this; a wrong guess costs one more allocation.
  out.reserve(playlist.size() + playlist.size() / 24 * added);
  while (!playlist.empty()) {
    const std::size_t end = std::min(playlist.find('\n'), playlist.size());
    const std::string_view line = playlist.substr(0, end);
    std::size_t at = line.size();  // where the URI ends; npos: there is none
    if (line.empty()) at = std::string_view::npos;
    if (line.starts_with('#')) at = end_of_uri(line);
    if (at == std::string_view::npos) {
      out.append(line);
    } else {
      write(out, line, at);
    }
    if (end < playlist.size()) out.push_back('\n');
    playlist.remove_prefix(std::min(end + 1, playlist.size()));
  }
  return out;
}

}  // namespace

std::string with_uri_query(std::string_view playlist, std::string_view query) {
  return rewritten(playlist, query.size() + 1, [&](std::string& out, std::string_view line, std::size_t end) {
    const std::string_view uri = line.substr(0, end);
    out.append(uri).append(has_query(uri) ? "&" : "?").append(query).append(line.substr(end));
  });
}

std::string with_uri_base(std::string_view playlist, std::string_view base) {
  return rewritten(playlist, base.size(), [&](std::string& out, std::string_view line, std::size_t end) {
    const std::size_t begin = line.starts_with('#') ? line.rfind('"', end - 1) + 1 : 0;
    const std::string_view uri = line.substr(begin, end - begin);
    const bool is_relative = !uri.starts_with('/') && uri.find("://") == std::string_view::npos;
    out.append(line.substr(0, begin)).append(is_relative ? base : "").append(line.substr(begin));
  });
}

}  // namespace millrace::hls
