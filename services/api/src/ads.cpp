#include "ads.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "http/target.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxInterest = 64;
constexpr std::array<std::string_view, 4> kPlaceholders = {"streamId", "cachebuster", "interest", "age"};

// RFC 3986's characters, and '{' and '}' of templates.
bool is_url_character(char c) {
  static constexpr std::string_view kOthers = "-._~:/?#[]@!$&'()*+,;=%{}";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kOthers.find(c) != std::string_view::npos;
}

tl::unexpected<Error> no_url(ErrorCode code, const std::string& text, std::string_view why) {
  constexpr std::size_t kShown = 64;
  return fail(code, "'" + text.substr(0, kShown) + "' " + std::string(why));
}

std::size_t end_of_authority(std::string_view url) {
  return std::min(url.find_first_of("/?#", url.find("://") + 3), url.size());
}

std::string_view value_of(std::string_view name, const TagParameters& parameters) {
  if (name == "streamId") return parameters.stream_id;
  if (name == "cachebuster") return parameters.cachebuster;
  if (name == "interest") return parameters.interest;
  return parameters.age;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&apos;";
        break;
      default:
        // XML 1.0 has no other control characters.
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n') result += c;
    }
  }
  return result;
}

std::string element(std::string_view name, std::string_view text) {
  return "<" + std::string(name) + ">" + escaped(text) + "</" + std::string(name) + ">";
}

std::string clock_text(std::uint32_t seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return text.data();
}

std::string linear(const AdsConfig& config) {
  std::string text = "<Linear>" + element("Duration", clock_text(config.seconds));
  text += "<MediaFiles><MediaFile delivery=\"progressive\" type=\"" + escaped(config.media_type) +
          "\" width=\"" + std::to_string(config.media_width) + "\" height=\"" +
          std::to_string(config.media_height) + "\">" + escaped(config.media_url) +
          "</MediaFile></MediaFiles>";
  if (!config.click_url.empty())
    text += "<VideoClicks>" + element("ClickThrough", config.click_url) + "</VideoClicks>";
  return text + "</Linear>";
}

}  // namespace

bool is_ad_interest(std::string_view text) {
  return !text.empty() && text.size() <= kMaxInterest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ' ||
           c == '-' || c == '_' || c == ',' || c == '.';
  });
}

Result<std::string> check_url(const std::string& text) {
  if (text.empty()) return text;
  const bool http = text.starts_with("http://") || text.starts_with("https://");
  if (!http || end_of_authority(text) == text.find("://") + 3)
    return no_url("ads.url", text, "is no http or https URL");
  if (text.size() > kMaxUrl || !std::all_of(text.begin(), text.end(), is_url_character))
    return no_url("ads.url", text, "is longer than 2048 characters, or has some that no URL has");
  return text;
}

Result<std::string> check_tag_template(const std::string& text) {
  Result<std::string> url = check_url(text);
  if (!url || text.empty()) return url;
  std::size_t open = text.find_first_of("{}");
  if (open < end_of_authority(text)) return no_url("ads.template", text, "has {…} in its host");
  while (open != std::string::npos) {
    const std::size_t close = text.find_first_of("{}", open + 1);
    const bool whole = text[open] == '{' && close != std::string::npos && text[close] == '}';
    const std::string name = whole ? text.substr(open + 1, close - open - 1) : "";
    if (std::find(kPlaceholders.begin(), kPlaceholders.end(), name) == kPlaceholders.end())
      return no_url("ads.template", text,
                    "has another {…} than {streamId}, {cachebuster}, {interest}, {age}");
    open = text.find_first_of("{}", close + 1);
  }
  return url;
}

std::string fill_tag(std::string_view tag_template, const TagParameters& parameters) {
  std::string tag;
  while (!tag_template.empty()) {
    const std::size_t open = std::min(tag_template.find('{'), tag_template.size());
    tag.append(tag_template.substr(0, open));
    tag_template.remove_prefix(open);
    if (tag_template.empty()) break;
    const std::size_t close = std::min(tag_template.find('}'), tag_template.size() - 1);
    tag.append(http::percent_encode(value_of(tag_template.substr(1, close - 1), parameters)));
    tag_template.remove_prefix(close + 1);
  }
  return tag;
}

// The order of elements is the schema's.
std::string vast_document(const AdsConfig& config, std::string_view serving_id) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VAST xmlns=\"http://www.iab.com/VAST\" version=\"4.2\"";
  if (config.media_url.empty()) return text + "/>\n";
  text += "><Ad id=\"millrace\"><InLine>" + element("AdSystem", "Millrace");
  text += element("Impression", config.impression_url.empty() ? "about:blank" : config.impression_url);
  text += element("AdServingId", serving_id) + element("AdTitle", config.title);
  text += "<Creatives><Creative id=\"1\"><UniversalAdId idRegistry=\"unknown\">unknown</UniversalAdId>";
  return text + linear(config) + "</Creative></Creatives></InLine></Ad></VAST>\n";
}

}  // namespace millrace::api
