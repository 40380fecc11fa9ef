#include "base/log.hpp"

#include <array>
#include <atomic>
#include <boost/core/null_deleter.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/expressions/formatters/stream.hpp>
#include <boost/log/expressions/message.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/sinks/text_ostream_backend.hpp>
#include <boost/log/sources/logger.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/make_shared.hpp>
#include <cstdio>
#include <iostream>

#include "base/clock.hpp"

namespace millrace::log {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"trace", "debug", "info", "warning", "error"};

struct Settings {
  std::string service = "millrace";
  Format format = Format::kText;
  std::atomic<Level> level = Level::kInfo;
  std::atomic<bool> started = false;
};

Settings& settings() {
  static Settings instance;
  return instance;
}

// JSON's escaping serves text lines too: a value can never break a line or forge another field.
void append_quoted(std::string& line, std::string_view value) {
  line.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line.push_back('\\');
      line.push_back(c);
    } else if (byte < 0x20 || byte == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      line += escape.data();
    } else {
      line.push_back(c);
    }
  }
  line.push_back('"');
}

void append_field(std::string& line, Format format, const Field& field) {
  if (format == Format::kJson) {
    line.push_back(',');
    append_quoted(line, field.name());
    line.push_back(':');
  } else {
    line.push_back(' ');
    line += field.name();
    line.push_back('=');
  }
  if (field.quoted()) {
    append_quoted(line, field.value());
  } else {
    line += field.value();
  }
}

void start_sink() {
  namespace logging = boost::log;
  using Sink = logging::sinks::synchronous_sink<logging::sinks::text_ostream_backend>;
  auto sink = boost::make_shared<Sink>();
  sink->locked_backend()->add_stream(boost::shared_ptr<std::ostream>(&std::clog, boost::null_deleter()));
  sink->locked_backend()->auto_flush(true);
  sink->set_formatter(logging::expressions::stream << logging::expressions::smessage);
  logging::core::get()->add_sink(sink);
}

}  // namespace

void start(std::string_view service, Format format, Level level) {
  settings().service = service;
  settings().format = format;
  settings().level = level;
  if (!settings().started.exchange(true)) start_sink();
}

bool enabled(Level level) {
  return level >= settings().level.load(std::memory_order_relaxed);
}

std::string format_line(Format format, Level level, WallTime wall, std::string_view service,
                        std::string_view event, Fields fields) {
  std::string line;
  const std::string_view name = kLevelNames.at(static_cast<std::size_t>(level));
  if (format == Format::kJson) {
    line += R"({"time":")" + rfc3339(wall) + R"(","level":")" + std::string(name) + R"(","service":)";
    append_quoted(line, service);
    line += R"(,"event":)";
    append_quoted(line, event);
  } else {
    line += rfc3339(wall) + " " + std::string(name) + " " + std::string(service) + ": " + std::string(event);
  }
  for (const Field& field : fields) append_field(line, format, field);
  if (format == Format::kJson) line.push_back('}');
  return line;
}

void write(Level level, std::string_view event, Fields fields) {
  if (!enabled(level)) return;
  static boost::log::sources::logger_mt logger;
  BOOST_LOG(logger) << format_line(settings().format, level, wall_now(), settings().service, event, fields);
}

}  // namespace millrace::log
