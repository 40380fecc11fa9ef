#include "rtmp/url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::rtmp {

namespace {

constexpr ErrorCode kError = "rtmp.url";
constexpr std::size_t kMaxHostBytes = 253;  // of a DNS name

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// What stands before the mark, which is consumed with it; nullopt if there is no mark.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return before;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (!escape) {
      out.push_back(text[i]);
      continue;
    }
    unsigned value = 0;
    (void)std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

Result<void> parse_port(std::string_view text, Url& url) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65'535) {
    return fail(kError, "the port is not a number from 1 to 65535");
  }
  url.port = static_cast<std::uint16_t>(port);
  return {};
}

Result<void> parse_host(std::string_view text, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    const auto address = take_until(text, "]");
    const auto fits = [](char c) { return is_hex(c) || c == ':' || c == '.'; };
    if (!address || address->find(':') == std::string_view::npos || address->size() > 45 ||
        !std::all_of(address->begin(), address->end(), fits) || (!text.empty() && text.front() != ':')) {
      return fail(kError, "the IPv6 address is not one");
    }
    url.host = *address;
    url.ipv6 = true;
    port = text;
  } else {
    const std::size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    const auto fits = [](char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; };
    if (url.host.empty() || url.host.size() > kMaxHostBytes ||
        !std::all_of(url.host.begin(), url.host.end(), fits)) {
      return fail(kError, "the host is neither a name nor an address");
    }
  }
  return port.empty() ? Result<void>() : parse_port(port.substr(1), url);
}

Result<void> parse_path(std::string_view path, Url& url) {
  const std::string_view names = path.substr(0, path.find('?'));
  const std::size_t slash = names.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == names.size()) {
    return fail(kError, "an application and a stream name must follow the host");
  }
  std::string_view app = names.substr(0, slash);
  while (!app.empty() && app.back() == '/') app.remove_suffix(1);
  while (!app.empty() && app.front() == '/') app.remove_prefix(1);
  if (app.empty()) return fail(kError, "the application is empty");
  url.app = app;
  url.name = path.substr(slash + 1);
  return {};
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.size() > Url::kMaxBytes) return fail(kError, "the URL is too long");
  const auto printable = [](char c) { return c > ' ' && c < '\x7F'; };
  if (!std::all_of(text.begin(), text.end(), printable)) {
    return fail(kError, "only printable ASCII characters without spaces may stand in the URL");
  }
  Url url;
  const auto scheme = take_until(text, "://");
  if (scheme && *scheme == "rtmps") {
    url.tls = true;
    url.port = Url::kTlsPort;
  } else if (!scheme || *scheme != "rtmp") {
    return fail(kError, "the scheme must be rtmp or rtmps");
  }
  auto authority = take_until(text, "/");
  if (!authority) return fail(kError, "an application and a stream name must follow the host");
  const std::size_t at = authority->rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view information = authority->substr(0, at);
    const std::size_t colon = information.find(':');
    url.user = percent_decoded(information.substr(0, colon));
    if (colon != std::string_view::npos) url.password = percent_decoded(information.substr(colon + 1));
    authority->remove_prefix(at + 1);
  }
  if (Result<void> host = parse_host(*authority, url); !host) return tl::unexpected(std::move(host.error()));
  if (Result<void> path = parse_path(text, url); !path) return tl::unexpected(std::move(path.error()));
  return url;
}

std::string Url::label() const {
  const std::string name_or_address = ipv6 ? "[" + host + "]" : host;
  const bool own_port = port == (tls ? kTlsPort : kPort);
  return name_or_address + (own_port ? "" : ":" + std::to_string(port)) + "/" + app;
}

std::string Url::tc_url() const {
  return (tls ? "rtmps://" : "rtmp://") + label();
}

}  // namespace millrace::rtmp
