#include "wanted.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace millrace::transcoding {
namespace {

constexpr std::string_view kWord = "want";

std::string_view next_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

template <class Number>
bool read_number(std::string_view& rest, Number& number) {
  const std::string_view word = next_word(rest);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

tl::unexpected<Error> no_such(std::string_view why) {
  return fail("transcoding.wanted", std::string(why));
}

Wanted together(const Wanted& earlier, Wanted later) {
  later.from = std::min(earlier.from, later.from);
  return later;
}

}  // namespace

Result<Wanted> parse_wanted(std::string_view line) {
  if (next_word(line) != kWord) return no_such("it begins with another word");
  Wanted wanted;
  if (!read_number(line, wanted.from) || !read_number(line, wanted.rates.kbps) ||
      !read_number(line, wanted.rates.millifps))
    return no_such("no number");
  while (!line.empty()) {
    const std::string_view name = next_word(line);
    if (!is_valid_id(name)) return no_such("no name");
    wanted.names.emplace(name);
    if (wanted.names.size() > kMostNames) return no_such("too many names");
  }
  return wanted;
}

std::string to_string(const Wanted& wanted) {
  std::string text(kWord);
  for (const std::uint64_t number :
       {wanted.from, std::uint64_t{wanted.rates.kbps}, std::uint64_t{wanted.rates.millifps}})
    text += ' ' + std::to_string(number);
  for (const std::string& name : wanted.names) text += ' ' + name;
  return text;
}

WantedReader::WantedReader(int descriptor) : descriptor_(descriptor) {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  if (flags >= 0) ::fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK);
}

std::optional<Wanted> WantedReader::take() {
  std::optional<Wanted> newest;
  std::array<char, 512> bytes{};
  ssize_t size = 0;
  while ((size = ::read(descriptor_, bytes.data(), bytes.size())) > 0) {
    for (const char byte : std::string_view(bytes.data(), static_cast<std::size_t>(size))) {
      if (byte != '\n') {
        too_long_ = too_long_ || line_.size() >= kMostBytes;
        if (!too_long_) line_ += byte;
        continue;
      }
      const Result<Wanted> said = too_long_ ? no_such("too long") : parse_wanted(line_);
      if (said)
        newest = newest ? together(*newest, *said) : *said;
      else
        log::warning("what is wanted is not understood", {{"reason", said.error().message}});
      line_.clear();
      too_long_ = false;
    }
  }
  return newest;
}

}  // namespace millrace::transcoding
