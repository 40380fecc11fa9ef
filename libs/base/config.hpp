// Configuration: one struct per service, one table row per key. A row binds an environment variable to a
// field, with default, range and help; docs/configuration.md is generated from the rows (`millrace-<service>
// --config-markdown`).
//
//   struct IngestConfig { std::uint16_t rtmp_port; std::chrono::milliseconds ping; Secret secret; };
//   ConfigTable table;
//   table.integer("RTMP_PORT", config.rtmp_port, "1935", {0, 65535}, "TCP port of RTMP; 0 takes a free one");
//   Result<void> loaded = table.load(process_environment());
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace millrace {

// Looks a variable up; nullopt when unset. An empty value counts as unset. NAME_FILE is looked up like any
// other name (see ConfigTable::secret).
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

struct ConfigRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

class ConfigTable {
 public:
  void text(std::string name, std::string& field, std::string default_value, std::string help);
  // Like text, but the value never appears in an error or in the generated page, and it may be in a file
  // instead: NAME_FILE names it, the line ends behind the secret are not part of it. load() refuses
  // ("config.value") both variables together, and a file that cannot be read, is empty, is larger than 64 KiB
  // or holds a NUL.
  void secret(std::string name, Secret& field, std::string help);
  // true, yes, false or no, in any case.
  void boolean(std::string name, bool& field, std::string default_value, std::string help);
  // One of the choices.
  void choice(std::string name, std::string& field, std::string default_value,
              const std::vector<std::string>& choices, std::string help);

  template <std::integral T>
  void integer(const std::string& name, T& field, const std::string& default_value, ConfigRange range,
               const std::string& help) {
    add_number(name, "integer", default_value, range, help,
               [&field](std::int64_t value) { field = static_cast<T>(value); });
  }
  // A plain number counts in the unit of the field's type (the name says which: …_MS, …_SECONDS).
  template <class Rep, class Period>
  void duration(const std::string& name, std::chrono::duration<Rep, Period>& field,
                const std::string& default_value, ConfigRange range, const std::string& help) {
    add_number(name, "duration", default_value, range, help, [&field](std::int64_t value) {
      field = std::chrono::duration<Rep, Period>(static_cast<Rep>(value));
    });
  }
  // A value of another kind: parse says what it is or, without the value and the variable, why it is none.
  template <class T>
  void parsed(const std::string& name, T& field, const std::string& type, const std::string& default_value,
              const std::string& help, std::function<Result<T>(const std::string&)> parse) {
    add_parsed(name, type, default_value, help,
               [&field, parse = std::move(parse)](const std::string& value) -> Result<Setter> {
                 Result<T> result = parse(value);
                 if (!result) return tl::unexpected<Error>(result.error());
                 return [&field, result = std::move(*result)] { field = result; };
               });
  }
  // Bytes with an optional suffix K, M or G (1024-based).
  void bytes(std::string name, std::uint64_t& field, std::string default_value, ConfigRange range,
             std::string help);

  // Sets every field, from the environment or the default. The error names the variable, what it may be, and
  // (unless it is a secret) what it was. No field is changed when one row fails.
  Result<void> load(const Environment& environment) const;

  // A Markdown table of all rows.
  std::string markdown() const;

 private:
  using Setter = std::function<void()>;
  // Parses without side effect; the setter applies it.
  using Parser = std::function<Result<Setter>(const std::string&)>;
  struct Row {
    std::string name;
    std::string type;
    std::string default_value;
    std::string help;
    Parser parse;
  };

  void add_parsed(std::string name, std::string type, std::string default_value, std::string help,
                  Parser parse);
  void add_number(std::string name, std::string type, std::string default_value, ConfigRange range,
                  std::string help, std::function<void(std::int64_t)> set);

  std::vector<Row> rows_;
};

// LOG_FORMAT and LOG_LEVEL, the same for every service; applied with log::start.
Result<void> start_log_from_environment(std::string_view service, const Environment& environment);

}  // namespace millrace
