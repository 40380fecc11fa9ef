// Advertisements: the tag that players are given, and our own VAST document (IAB VAST 4.2). Plain data and
// functions over it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace millrace::api {

// Of the operator's configuration: trusted for what it advertises, not for its characters.
struct AdsConfig {
  std::string tag_template;  // empty: our own document
  std::string media_url;     // empty: no advertisement
  std::string media_type;
  std::uint32_t media_width = 0;
  std::uint32_t media_height = 0;
  std::uint32_t seconds = 0;
  std::string click_url;
  std::string impression_url;
  std::string title;
};

// What a player may ask the tag to say. Checked by is_ad_interest and is_valid_id before.
struct TagParameters {
  std::string stream_id;
  std::string cachebuster;
  std::string interest;
  std::string age;
};

// 1 to 64 letters, digits, spaces, '-', '_', ',' and '.': nothing that could begin another parameter, also
// when a server decodes it twice.
bool is_ad_interest(std::string_view text);

// An http or https URL with {streamId}, {cachebuster}, {interest} and {age} in it, behind the host only.
// "ads.template" says what is wrong with it.
Result<std::string> check_tag_template(const std::string& text);
// "ads.url": no http or https URL, too long, or with a character that no URL has.
Result<std::string> check_url(const std::string& text);

// The template with its parameters, percent-encoded.
std::string fill_tag(std::string_view tag_template, const TagParameters& parameters);

// The document: one linear advertisement, or none (an empty VAST element) without a media URL. serving_id
// names this very answer.
std::string vast_document(const AdsConfig& config, std::string_view serving_id);

}  // namespace millrace::api
