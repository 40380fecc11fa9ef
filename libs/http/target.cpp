#include "http/target.hpp"

#include <array>
#include <cstdint>

namespace millrace::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool contains_encoded_slash(std::string_view raw) {
  for (std::size_t at = raw.find('%'); at != std::string_view::npos; at = raw.find('%', at + 1)) {
    if (at + 2 < raw.size() && raw[at + 1] == '2' && (raw[at + 2] == 'f' || raw[at + 2] == 'F')) return true;
  }
  return false;
}

// "..;" is a parent directory to servers that know path parameters: some proxy in front may be one.
bool is_bad_segment(std::string_view segment) {
  return segment == "." || segment == ".." || segment.starts_with("..;") || segment.starts_with(".;");
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  for (const char c : path) {
    if (is_control(c) || c == '\\') return false;
  }
  std::string_view rest = path.substr(1);
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || is_bad_segment(segment)) return false;
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return is_valid_utf8(path);
}

// http://host:port/path?query → /path?query
std::string_view strip_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = target.find_first_of("/?");
    if (end == std::string_view::npos) return "/";
    return target.substr(end);
  }
  return target;
}

Result<void> parse_query(std::string_view raw, Target& out) {
  while (!raw.empty()) {
    const std::size_t end = raw.find('&');
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(end == std::string_view::npos ? raw.size() : end + 1);
    if (pair.empty()) continue;
    if (out.query.size() == kMaxQueryParameters) return fail("http.target", "too many query parameters");
    const std::size_t equals = pair.find('=');
    Result<std::string> name = percent_decode(pair.substr(0, equals), true);
    if (!name) return fail(name.error().code, name.error().message);
    std::string value;
    if (equals != std::string_view::npos) {
      Result<std::string> decoded = percent_decode(pair.substr(equals + 1), true);
      if (!decoded) return fail(decoded.error().code, decoded.error().message);
      value = std::move(*decoded);
    }
    out.query.emplace_back(std::move(*name), std::move(value));
  }
  return {};
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail("http.target", "bad percent-encoding");
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

Result<Target> parse_target(std::string_view target) {
  Target out;
  if (target == "*") {
    out.path = "*";
    return out;
  }
  if (target.empty()) return fail("http.target", "empty");
  target = strip_authority(target);
  target = target.substr(0, target.find('#'));
  const std::size_t question = target.find('?');
  const std::string_view raw_path = target.substr(0, question);
  // An encoded slash means two things to two readers: nobody needs it here.
  if (contains_encoded_slash(raw_path)) return fail("http.target", "encoded slash");
  Result<std::string> path = percent_decode(raw_path.empty() ? "/" : raw_path, false);
  if (!path) return fail(path.error().code, path.error().message);
  if (!is_plain_path(*path)) return fail("http.target", "not a plain path");
  out.path = std::move(*path);
  if (question == std::string_view::npos) return out;
  out.raw_query = target.substr(question + 1);
  if (Result<void> parsed = parse_query(out.raw_query, out); !parsed)
    return fail("http.target", parsed.error().message);
  return out;
}

}  // namespace millrace::http
