#include "sessions/request_text.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace millrace::auth {

std::string id_text(std::uint64_t id) {
  ByteWriter bytes;
  bytes.u64(id);
  return hex(bytes.view());
}

std::string form_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '*' || c == '-' || c == '.' || c == '_';
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += "%" + hex({&byte, 1});
    }
  }
  return out;
}

std::string form_unescape(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    if (escape) {
      out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string query_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.size() > name.size() && pair[name.size()] == '=' && pair.substr(0, name.size()) == name) {
      return form_unescape(pair.substr(name.size() + 1));
    }
  }
  return {};
}

std::string without_parameters(std::string_view query, std::span<const std::string_view> names) {
  std::string rest;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::string name = form_unescape(pair.substr(0, pair.find('=')));
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (!rest.empty()) rest += '&';
    rest += pair;
  }
  return rest;
}

}  // namespace millrace::auth
