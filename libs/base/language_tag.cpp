#include "base/language_tag.hpp"

#include <algorithm>

namespace millrace {
namespace {

// ISO 639-1 and, behind each, ISO 639-2/T: five letters an entry, in order.
constexpr std::string_view kCodes =
    "aaaarababkaeaveafafrakakaamamhanargararaasasmavavaayaymazazebabakbebelbgbulbibisbmbambnben"
    "bobodbrbrebsboscacatcechechchacocoscrcrecscescuchucvchvcycymdadandedeudvdivdzdzoeeeweelell"
    "enengeoepoesspaetesteueusfafasfffulfifinfjfijfofaofrfrafyfrygaglegdglaglglggngrngugujgvglv"
    "hahauhehebhihinhohmohrhrvhthathuhunhyhyehzheriainaidindieileigiboiiiiiikipkioidoisislitita"
    "iuikujajpnjvjavkakatkgkonkikikkjkuakkkazklkalkmkhmknkankokorkrkaukskaskukurkvkomkwcorkykir"
    "lalatlbltzlgluglilimlnlinlolaoltlitlulublvlavmgmlgmhmahmimrimkmkdmlmalmnmonmrmarmsmsamtmlt"
    "mymyananaunbnobndndenenepngndonlnldnnnnononornrnblnvnavnynyaocociojojiomormororiososspapan"
    "pipliplpolpspusptporququermrohrnrunroronrurusrwkinsasanscsrdsdsndsesmesgsagsisinskslkslslv"
    "smsmosnsnasosomsqsqisrsrpsssswstsotsusunsvsweswswatatamteteltgtgkththatitirtktuktltgltntsn"
    "totontrturtstsotttattwtwitytahuguigukukrururduzuzbvevenvivievovolwawlnwowolxhxhoyiyidyoyor"
    "zazhazhzhozuzul";
constexpr std::size_t kEntry = 5;
static_assert(kCodes.size() % kEntry == 0);

// Independent of the locale.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool all_letters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_letter);
}

// A language is two or three letters here, what follows letters and digits.
bool is_subtag(std::string_view subtag, bool first) {
  constexpr std::size_t kLongest = 8;
  if (first) return (subtag.size() == 2 || subtag.size() == 3) && all_letters(subtag);
  return !subtag.empty() && subtag.size() <= kLongest &&
         std::all_of(subtag.begin(), subtag.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

// RFC 5646 2.1.1: Latn, US, all others in small letters.
void append_cased(std::string_view subtag, bool first, std::string& out) {
  const bool region = !first && subtag.size() == 2 && all_letters(subtag);
  const bool script = !first && subtag.size() == 4 && all_letters(subtag);
  for (std::size_t i = 0; i < subtag.size(); ++i)
    out += region || (script && i == 0) ? upper(subtag[i]) : lower(subtag[i]);
}

}  // namespace

std::optional<std::string> language_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxLanguageTag) return std::nullopt;
  std::string tag;
  while (true) {
    const std::size_t end = std::min(text.find_first_of("-_"), text.size());
    const std::string_view subtag = text.substr(0, end);
    const bool first = tag.empty();
    if (!is_subtag(subtag, first)) return std::nullopt;
    if (!first) tag += '-';
    append_cased(subtag, first, tag);
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  if (tag == "und" || tag == "zxx") return std::nullopt;
  return tag;
}

std::string iso639_2(std::string_view tag) {
  const std::string_view language = tag.substr(0, tag.find('-'));
  if (language.size() == 3) return std::string(language);
  if (language.size() != 2) return {};
  for (std::size_t i = 0; i < kCodes.size(); i += kEntry) {
    if (kCodes.substr(i, 2) == language) return std::string(kCodes.substr(i + 2, 3));
  }
  return {};
}

std::string shortest_language(std::string_view iso639_2) {
  for (std::size_t i = 0; i < kCodes.size(); i += kEntry) {
    if (kCodes.substr(i + 2, 3) == iso639_2) return std::string(kCodes.substr(i, 2));
  }
  return std::string(iso639_2);
}

}  // namespace millrace
