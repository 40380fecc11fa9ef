// Languages as RFC 5646 (BCP 47) names them and as MP4's three letters do. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr std::size_t kMaxLanguageTag = 15;

// The tag in the case that RFC 5646 2.1.1 recommends, "en_us" as "en-US". nullopt: not of a tag's shape,
// longer than kMaxLanguageTag, or a word for no language (und, zxx). Whether the language exists is not
// looked up.
std::optional<std::string> language_tag(std::string_view text);

// ISO 639-2/T of a tag's language; empty: it has none.
std::string iso639_2(std::string_view tag);
// The other way: "eng" is "en", what has no two letters stays as it is.
std::string shortest_language(std::string_view iso639_2);

}  // namespace millrace
