// Structured logging (Boost.Log behind this header). One event name and named fields:
//   log::info("publish accepted", {{"stream", id}, {"publication", publication}, {"peer", address}});
// LOG_FORMAT=text|json, LOG_LEVEL=trace|debug|info|warning|error. Lines go to standard error, one event a
// line, fields escaped. Any thread. Never pass a secret; a Secret does not convert to a field.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/wall_time.hpp"

namespace millrace::log {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError };

class Field {
 public:
  Field(std::string_view name, std::string_view value) : name_(name), value_(value), quoted_(true) {}
  Field(std::string_view name, const char* value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, const std::string& value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, bool value) : name_(name), value_(value ? "true" : "false"), quoted_(false) {}
  template <class T>
  requires std::is_arithmetic_v<T> Field(std::string_view name, T value)
      : name_(name), value_(std::to_string(value)), quoted_(false) {}

  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }
  bool quoted() const { return quoted_; }

 private:
  std::string_view name_;
  std::string value_;
  bool quoted_;
};

using Fields = std::initializer_list<Field>;

enum class Format : std::uint8_t { kText, kJson };

// Call once at start, before other threads. service becomes a field of every line.
void start(std::string_view service, Format format, Level level);
bool enabled(Level level);
void write(Level level, std::string_view event, Fields fields);

inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::kInfo, event, fields);
}
inline void warning(std::string_view event, Fields fields = {}) {
  write(Level::kWarning, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::kError, event, fields);
}

// One line without the line end, exposed for tests.
std::string format_line(Format format, Level level, WallTime wall, std::string_view service,
                        std::string_view event, Fields fields);

}  // namespace millrace::log
