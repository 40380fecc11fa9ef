#include "rtmp/authmod.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace millrace::rtmp {

namespace {

using Md5 = std::array<std::uint8_t, 16>;

// The schemes name it; nothing else is protected by it.
Md5 md5(std::string_view text) {
  Md5 digest{};
  unsigned size = 0;
  (void)EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  return digest;
}

std::string base64(const Md5& digest) {
  std::array<std::uint8_t, 25> text{};  // 24 digits and a zero
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {text.begin(), text.begin() + size};
}

std::string join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

// The value of "name=" behind '?' or '&'.
std::string_view parameter(std::string_view query, std::string_view name) {
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view pair = query.substr(at, end - at);
    if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
    at = end + 1;
  }
  return {};
}

std::string adobe(std::string_view query, const Credentials& with) {
  const std::string_view opaque = parameter(query, "opaque");
  const std::string_view challenge = opaque.empty() ? parameter(query, "challenge") : opaque;
  const std::string secret = base64(md5(join({with.user, parameter(query, "salt"), with.password})));
  const std::string response = base64(md5(join({secret, challenge, with.client_random})));
  std::string answer =
      join({"?authmod=adobe&user=", with.user, "&challenge=", with.client_random, "&response=", response});
  if (!opaque.empty()) answer += join({"&opaque=", opaque});
  return answer;
}

// HTTP digest authentication (RFC 2617) with other names.
std::string llnw(std::string_view query, const Credentials& with) {
  constexpr std::string_view kCount = "00000001";
  const auto digest = [](std::initializer_list<std::string_view> parts) { return hex(md5(join(parts))); };
  const std::string_view nonce = parameter(query, "nonce");
  const bool instance = with.app.find('/') != std::string_view::npos;
  const std::string user = digest({with.user, ":live:", with.password});
  const std::string what = digest({"publish:/", with.app, instance ? "" : "/_definst_"});
  const std::string response =
      digest({user, ":", nonce, ":", kCount, ":", with.client_random, ":auth:", what});
  return join({"?authmod=llnw&user=", with.user, "&nonce=", nonce, "&cnonce=", with.client_random,
               "&nc=", kCount, "&response=", response});
}

}  // namespace

std::optional<std::string> answer_challenge(std::string_view description, const Credentials& credentials) {
  if (credentials.user.empty()) return std::nullopt;
  std::string_view scheme;
  for (const std::string_view known : {"adobe", "llnw"}) {
    if (description.find(join({"authmod=", known})) != std::string_view::npos) scheme = known;
  }
  if (scheme.empty()) return std::nullopt;
  if (description.find("code=403 need auth") != std::string_view::npos) {
    return join({"?authmod=", scheme, "&user=", credentials.user});
  }
  const std::size_t query_at = description.find("?reason=needauth");
  if (query_at == std::string_view::npos) return std::nullopt;
  const std::string_view query = description.substr(query_at + 1);
  return scheme == "adobe" ? adobe(query, credentials) : llnw(query, credentials);
}

}  // namespace millrace::rtmp
