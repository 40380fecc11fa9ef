// The one way to report a failure that the caller must handle: Result<T> with an Error. Exceptions are for
// our own bugs and for third-party libraries, and are turned into an Error where we call those.
#pragma once

#include <concepts>
#include <ostream>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace millrace {

// A stable dotted name, such as "rtmp.chunk_size" (metrics and tests use it), that lives as long as the
// process: only a literal makes one. Codes that another file compares with are constants of their library's
// errors.hpp.
class ErrorCode {
 public:
  constexpr ErrorCode() = default;
  consteval ErrorCode(const char* literal) : text_(literal) {}
  // For a text that lives as long as the process without being a literal.
  static constexpr ErrorCode of_lasting(std::string_view text) {
    ErrorCode code;
    code.text_ = text;
    return code;
  }

  constexpr std::string_view text() const { return text_; }
  constexpr operator std::string_view() const { return text_; }
  constexpr bool starts_with(std::string_view prefix) const { return text_.starts_with(prefix); }
  constexpr bool ends_with(std::string_view suffix) const { return text_.ends_with(suffix); }
  constexpr bool empty() const { return text_.empty(); }

  template <class Text>
  requires std::convertible_to<const Text&, std::string_view>
  friend constexpr bool operator==(const ErrorCode& code, const Text& text) {
    return code.text_ == std::string_view(text);
  }
  friend std::ostream& operator<<(std::ostream& out, const ErrorCode& code) { return out << code.text_; }

 private:
  std::string_view text_;
};

// message: for people; never holds a secret.
struct Error {
  ErrorCode code;
  std::string message;
};

// A function that returns one need not be marked: whoever ignores it gets a warning, which is an error here.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  // What and_then, map and their like make of one.
  Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}
};

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// Passes an error on with what was being done: "open arena: No space left on device".
[[nodiscard]] inline tl::unexpected<Error> fail(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace millrace
