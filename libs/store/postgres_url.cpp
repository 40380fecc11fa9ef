#include "store/postgres_url.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace millrace::store {
namespace {

constexpr std::array kSchemes = {std::string_view("postgresql://"), std::string_view("postgres://")};
constexpr std::array kParameters = {std::string_view("sslmode"),
                                    std::string_view("sslrootcert"),
                                    std::string_view("sslcert"),
                                    std::string_view("sslkey"),
                                    std::string_view("sslcrl"),
                                    std::string_view("channel_binding"),
                                    std::string_view("host"),
                                    std::string_view("port"),
                                    std::string_view("application_name"),
                                    std::string_view("target_session_attrs")};
constexpr std::size_t kMaxUrl = 4096;
// Of one address, by libpq; a connection takes a few milliseconds, with TLS on a bad line a second.
constexpr int kConnectSeconds = 3;

tl::unexpected<Error> wrong(const std::string& what) {
  return fail("store.unsupported", "DATABASE_URL: " + what);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    plain.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
    i += 2;
  }
  // libpq's strings end at a NUL.
  if (plain.find('\0') != std::string::npos) return std::nullopt;
  return plain;
}

std::string escape(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_') {
      escaped.push_back(c);
    } else {
      escaped += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return escaped;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(std::string(text)) >= 1 && std::stoi(std::string(text)) <= 65535;
}

// "host", "host:port", "[address]:port", with commas between several; as it is, when nothing is wrong.
Result<std::string> check_hosts(std::string_view hosts) {
  std::string_view rest = hosts;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t bracket = one.rfind(']');
    const std::size_t colon = one.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos && !is_port(one.substr(colon + 1))) {
      return wrong("a port is a number from 1 to 65535 (is a special character of the password escaped?)");
    }
    for (const char c : one) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) continue;
      if (std::string_view("-._:[]").find(c) == std::string_view::npos) {
        return wrong("a host has a character that no host has (is the password escaped as in a URL?)");
      }
    }
  }
  return std::string(hosts);
}

// What stands after '?', each part escaped again; host and port go into the name for people.
Result<std::string> check_parameters(std::string_view query, std::string& host) {
  std::string checked;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::optional<std::string> value =
        equals == std::string_view::npos ? std::nullopt : unescape(pair.substr(equals + 1));
    if (!value) return wrong("a parameter after '?' is name=value, escaped as in a URL");
    if (std::find(kParameters.begin(), kParameters.end(), name) == kParameters.end()) {
      return wrong(
          "a parameter after '?' is not one of sslmode, sslrootcert, sslcert, sslkey, sslcrl, "
          "channel_binding, target_session_attrs, host, port, application_name");
    }
    if (name == "port" && !is_port(*value)) return wrong("port= is a number from 1 to 65535");
    if (name == "host") host = *value;
    checked += std::string(name) + "=" + escape(*value) + "&";
  }
  return checked;
}

// A server that is gone is noticed below answer_timeout, and while nothing is asked in half a minute.
std::string our_parameters(std::chrono::milliseconds answer_timeout, bool named) {
  return std::string(named ? "" : "application_name=millrace&") +
         "connect_timeout=" + std::to_string(kConnectSeconds) +
         "&client_encoding=UTF8&keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
         "&tcp_user_timeout=" +
         std::to_string(answer_timeout.count());
}

}  // namespace

bool is_postgres_url(std::string_view url) {
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [url](std::string_view scheme) { return url.substr(0, scheme.size()) == scheme; });
}

Result<PostgresTarget> parse_postgres_url(std::string_view url, std::chrono::milliseconds answer_timeout) {
  if (!is_postgres_url(url)) return wrong("postgresql://user:password@host:port/database is a server");
  if (url.size() > kMaxUrl) return wrong("longer than 4096 characters");
  url.remove_prefix(url.find("://") + 3);
  std::string_view query;
  if (const std::size_t mark = url.find('?'); mark != std::string_view::npos) {
    query = url.substr(mark + 1);
    url = url.substr(0, mark);
  }
  const std::size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  const auto database =
      unescape(slash == std::string_view::npos ? std::string_view() : url.substr(slash + 1));
  const std::size_t at = authority.rfind('@');
  const std::string_view who = at == std::string_view::npos ? std::string_view() : authority.substr(0, at);
  Result<std::string> hosts =
      check_hosts(at == std::string_view::npos ? authority : authority.substr(at + 1));
  if (!hosts) return tl::unexpected(hosts.error());
  const std::size_t colon = who.find(':');
  const auto user = unescape(who.substr(0, colon));
  const auto password =
      unescape(colon == std::string_view::npos ? std::string_view() : who.substr(colon + 1));
  if (!user || !password || !database) return wrong("a '%' is not followed by two hexadecimal digits");
  std::string host = *hosts;
  const Result<std::string> parameters = check_parameters(query, host);
  if (!parameters) return tl::unexpected(parameters.error());
  std::string uri = "postgresql://";
  if (!user->empty()) uri += escape(*user);
  if (!password->empty()) uri += ":" + escape(*password);
  if (!user->empty() || !password->empty()) uri += "@";
  uri += *hosts + "/" + escape(*database) + "?" + *parameters +
         our_parameters(answer_timeout, parameters->find("application_name=") != std::string::npos);
  return PostgresTarget{"PostgreSQL at " + (host.empty() ? "localhost" : host) + "/" + *database,
                        Secret(*password), Secret(std::move(uri))};
}

}  // namespace millrace::store
