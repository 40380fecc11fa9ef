#include "base/config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/log.hpp"
#include "base/regular_file.hpp"

namespace millrace {
namespace {

constexpr ErrorCode kInvalid = "config.invalid";
constexpr std::string_view kSecretType = "secret";
constexpr std::size_t kMaxSecretFile = 64U << 10;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t unit = 1;
  if (!text.empty()) {
    if (text.back() == 'K') unit = 1LL << 10;
    if (text.back() == 'M') unit = 1LL << 20;
    if (text.back() == 'G') unit = 1LL << 30;
    if (unit != 1) text.remove_suffix(1);
  }
  const auto value = parse_integer(text);
  if (!value || *value > std::numeric_limits<std::int64_t>::max() / unit) return std::nullopt;
  return *value * unit;
}

std::string range_text(ConfigRange range) {
  if (range.max == std::numeric_limits<std::int64_t>::max()) return "at least " + std::to_string(range.min);
  return "from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

tl::unexpected<Error> refuse(const std::string& name, const std::string& why) {
  return fail(kInvalid, name + "_FILE: " + why);
}

// What the file holds, without the line ends behind it.
Result<std::optional<std::string>> read_secret(const std::string& name, const std::string& path) {
  const Result<std::string> content = read_regular_file(path, kMaxSecretFile);
  if (!content) return refuse(name, path + ": " + content.error().message);
  std::string text = *content;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return refuse(name, path + " is empty");
  if (text.find('\0') != std::string::npos) return refuse(name, path + " is not a text");
  return text;
}

// A secret's variable, or the file that NAME_FILE names.
Result<std::optional<std::string>> secret_of(const std::string& name, const Environment& environment) {
  std::optional<std::string> value = environment(name);
  const std::optional<std::string> path = environment(name + "_FILE");
  if (!path) return value;
  if (value) return refuse(name, name + " is set as well: one of them must go");
  return read_secret(name, *path);
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

void ConfigTable::text(std::string name, std::string& field, std::string default_value, std::string help) {
  rows_.push_back(
      {std::move(name), "text", std::move(default_value), std::move(help),
       [&field](const std::string& value) -> Result<Setter> { return [&field, value] { field = value; }; }});
}

void ConfigTable::secret(std::string name, Secret& field, std::string help) {
  rows_.push_back({std::move(name), std::string(kSecretType), "", std::move(help),
                   [&field](const std::string& value) -> Result<Setter> {
                     return [&field, value] { field = Secret(value); };
                   }});
}

void ConfigTable::boolean(std::string name, bool& field, std::string default_value, std::string help) {
  auto parse = [&field, name](const std::string& value) -> Result<Setter> {
    std::string lower = value;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool on = lower == "true" || lower == "yes";
    if (!on && lower != "false" && lower != "no")
      return fail(kInvalid, name + " must be true or false, not '" + value + "'");
    return [&field, on] { field = on; };
  };
  rows_.push_back(
      {std::move(name), "true or false", std::move(default_value), std::move(help), std::move(parse)});
}

void ConfigTable::choice(std::string name, std::string& field, std::string default_value,
                         const std::vector<std::string>& choices, std::string help) {
  std::string listed;
  for (const std::string& choice : choices) listed += (listed.empty() ? "" : ", ") + choice;
  auto parse = [&field, name, listed, choices](const std::string& value) -> Result<Setter> {
    if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
      return fail(kInvalid, name + " must be one of " + listed + ", not '" + value + "'");
    }
    return [&field, value] { field = value; };
  };
  rows_.push_back({std::move(name), listed, std::move(default_value), std::move(help), std::move(parse)});
}

void ConfigTable::bytes(std::string name, std::uint64_t& field, std::string default_value, ConfigRange range,
                        std::string help) {
  add_number(std::move(name), "bytes", std::move(default_value), range, std::move(help),
             [&field](std::int64_t value) { field = static_cast<std::uint64_t>(value); });
}

void ConfigTable::add_number(std::string name, std::string type, std::string default_value, ConfigRange range,
                             std::string help, std::function<void(std::int64_t)> set) {
  const bool suffixes = type == "bytes";
  auto parse = [name, range, set = std::move(set), suffixes](const std::string& value) -> Result<Setter> {
    const auto number = suffixes ? parse_bytes(value) : parse_integer(value);
    if (!number || *number < range.min || *number > range.max) {
      return fail(kInvalid, name + " must be a whole number " + range_text(range) +
                                (suffixes ? " (K, M, G may follow)" : "") + ", not '" + value + "'");
    }
    return [set, number = *number] { set(number); };
  };
  rows_.push_back(
      {std::move(name), std::move(type), std::move(default_value), std::move(help), std::move(parse)});
}

void ConfigTable::add_parsed(std::string name, std::string type, std::string default_value, std::string help,
                             Parser parse) {
  auto named = [name, parse = std::move(parse)](const std::string& value) -> Result<Setter> {
    Result<Setter> result = parse(value);
    if (!result) return fail(kInvalid, name + ": " + result.error().message);
    return result;
  };
  rows_.push_back(
      {std::move(name), std::move(type), std::move(default_value), std::move(help), std::move(named)});
}

Result<void> ConfigTable::load(const Environment& environment) const {
  std::vector<Setter> setters;
  for (const Row& row : rows_) {
    Result<std::optional<std::string>> value = environment(row.name);
    if (row.type == kSecretType) value = secret_of(row.name, environment);
    if (!value) return tl::unexpected(value.error());
    Result<Setter> parsed = row.parse(std::move(*value).value_or(row.default_value));
    if (!parsed) return tl::unexpected(parsed.error());
    setters.push_back(std::move(*parsed));
  }
  for (const Setter& apply : setters) apply();
  return {};
}

std::string ConfigTable::markdown() const {
  std::string page = "| variable | type | default | meaning |\n|---|---|---|---|\n";
  for (const Row& row : rows_) {
    const std::string shown = row.default_value.empty() ? "" : "`" + row.default_value + "`";
    page += "| `" + row.name + "` | " + row.type + " | " + shown + " | " + row.help + " |\n";
  }
  return page;
}

Result<void> start_log_from_environment(std::string_view service, const Environment& environment) {
  std::string format;
  std::string level;
  ConfigTable table;
  table.choice("LOG_FORMAT", format, "text", {"text", "json"}, "");
  table.choice("LOG_LEVEL", level, "info", {"trace", "debug", "info", "warning", "error"}, "");
  if (Result<void> loaded = table.load(environment); !loaded) return loaded;
  constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warning", "error"};
  const auto index = std::find(std::begin(kLevels), std::end(kLevels), level) - std::begin(kLevels);
  log::start(service, format == "json" ? log::Format::kJson : log::Format::kText,
             static_cast<log::Level>(index));
  return {};
}

}  // namespace millrace
