// The one way to report a failure that the caller must handle: Result<T> with an Error. Exceptions are for
// our own bugs and for third-party libraries, and are turned into an Error where we call those.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace millrace {

// code: a stable dotted name with static storage, such as "rtmp.chunk_size" (metrics and tests use it).
// message: for people; never holds a secret.
struct Error {
  std::string_view code;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(std::string_view code, std::string message = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

// Passes an error on with what was being done: "open arena: No space left on device".
[[nodiscard]] inline tl::unexpected<Error> fail(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace millrace
