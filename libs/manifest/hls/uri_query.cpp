#include "manifest/hls/uri_query.hpp"

#include <algorithm>

namespace millrace::hls {
namespace {

constexpr std::string_view kUriAttribute = "URI=\"";

}  // namespace

std::string with_uri_query(std::string_view playlist, std::string_view query) {
  std::string out;
  // Lines are rarely shorter than this; a wrong guess costs one more allocation.
  out.reserve(playlist.size() + playlist.size() / 24 * (query.size() + 1));
  while (!playlist.empty()) {
    const std::size_t end = std::min(playlist.find('\n'), playlist.size());
    const std::string_view line = playlist.substr(0, end);
    std::size_t at = line.size();  // where the query goes; npos: nowhere
    if (line.empty()) at = std::string_view::npos;
    if (line.starts_with('#')) {
      const std::size_t attribute = line.find(kUriAttribute);
      at = attribute == std::string_view::npos ? attribute : line.find('"', attribute + kUriAttribute.size());
    }
    if (at == std::string_view::npos) {
      out.append(line);
    } else {
      out.append(line.substr(0, at)).append("?").append(query).append(line.substr(at));
    }
    if (end < playlist.size()) out.push_back('\n');
    playlist.remove_prefix(std::min(end + 1, playlist.size()));
  }
  return out;
}

}  // namespace millrace::hls
