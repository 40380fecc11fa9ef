#include "options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

#include "base/command_line.hpp"
#include "base/ids.hpp"

namespace millrace::transcoding {
namespace {

tl::unexpected<Error> usage(const std::string& why) {
  return fail("transcoding.usage", why);
}

using Values = std::map<std::string_view, std::string>;

constexpr std::array<std::string_view, 15> kWithValue = {
    "--skip-seconds", "--dir",         "--stream",    "--publication", "--wait",
    "--ladder",       "--ladder-file", "--encoder",   "--max-height",  "--max-kbps",
    "--keep-seconds", "--arena-bytes", "--memory-mb", "--nice",        "--cpus"};
constexpr std::string_view kPreset = "--preset";

bool has_value(std::string_view word) {
  return word == kPreset || std::find(kWithValue.begin(), kWithValue.end(), word) != kWithValue.end();
}

Result<Values> read(std::span<char*> arguments, Options& options) {
  Values values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--status") {
      options.status = true;
    } else if (word == "--with-parent") {
      options.with_parent = true;
    } else if (word == "--from-oldest") {
      options.transcoder.from_oldest = true;
    } else if (word == "--choose") {
      options.choose = true;
    } else if (word == "--tried") {
      options.tried = true;
    } else if (word == "--plan") {
      options.plan = true;
    } else if (word == "--control") {
      options.controlled = true;
    } else if (word == "--try") {
      options.try_encoders = true;
    } else if (!has_value(word)) {
      return usage("unknown option " + std::string(word));
    } else if (i + 1 == arguments.size()) {
      return usage(std::string(word) + " has no value");
    } else {
      values[word] = arguments[++i];
    }
  }
  return values;
}

void from_environment(const Environment& environment, Options& options) {
  options.transcoder.directory = environment("MEDIA_LOG_DIR").value_or("");
  options.ladder = environment("TRANSCODE_LADDER").value_or(options.ladder);
  options.encoder = environment("RTMP_ENCODER").value_or(options.encoder);
  options.preset = environment("RTMP_PRESET").value_or(options.preset);
}

void take_texts(const Values& values, Options& options) {
  const std::map<std::string_view, std::string*> fields = {{"--dir", &options.transcoder.directory},
                                                           {"--stream", &options.transcoder.stream_id},
                                                           {"--ladder", &options.ladder},
                                                           {"--ladder-file", &options.ladder_file},
                                                           {"--encoder", &options.encoder},
                                                           {kPreset, &options.preset}};
  for (const auto& [name, field] : fields) {
    if (const auto found = values.find(name); found != values.end()) *field = found->second;
  }
}

struct Number {
  std::string_view name;
  std::uint64_t least;
  std::uint64_t most;
  std::function<void(std::uint64_t)> set;
};

Result<void> take_numbers(const Values& values, Options& options) {
  TranscoderSettings& to = options.transcoder;
  PlanLimits& limits = to.line.limits;
  const std::array numbers = {
      Number{"--wait", 0, 86'400,
             [&](std::uint64_t n) { to.wait_us = static_cast<std::int64_t>(n) * 1'000'000; }},
      Number{"--max-height", 2, 16'384,
             [&](std::uint64_t n) { limits.max_height = static_cast<std::uint32_t>(n); }},
      Number{"--max-kbps", 1, 1'000'000,
             [&](std::uint64_t n) { limits.max_kbps = static_cast<std::uint32_t>(n); }},
      Number{"--cpus", 1, 1024, [&](std::uint64_t n) { limits.cpus = static_cast<unsigned>(n); }},
      Number{"--keep-seconds", 5, 86'400,
             [&](std::uint64_t n) { to.line.keep_us = static_cast<std::int64_t>(n) * 1'000'000; }},
      Number{"--skip-seconds", 1, 86'400,
             [&](std::uint64_t n) { to.slow_us = static_cast<std::int64_t>(n) * 1'000'000; }},
      Number{"--arena-bytes", 16ULL << 20, 1ULL << 40, [&](std::uint64_t n) { to.arena_bytes = n; }},
      Number{"--memory-mb", 0, 1ULL << 20, [&](std::uint64_t n) { options.memory_mb = n; }},
      Number{"--nice", 0, 19, [&](std::uint64_t n) { options.nice = static_cast<int>(n); }},
  };
  for (const Number& number : numbers) {
    const auto found = values.find(number.name);
    if (found == values.end()) continue;
    const std::optional<std::uint64_t> value = parse_count(found->second);
    if (!value || *value < number.least || *value > number.most)
      return usage(std::string(number.name) + " is a number from " + std::to_string(number.least) + " to " +
                   std::to_string(number.most));
    number.set(*value);
  }
  return {};
}

Result<void> take_publication(const Values& values, Options& options) {
  constexpr int kHexadecimal = 16;
  const auto found = values.find("--publication");
  if (found == values.end()) return {};
  const std::string& text = found->second;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, kHexadecimal);
  if (error != std::errc() || end != text.data() + text.size() || number == 0)
    return usage("--publication is 16 hexadecimal digits");
  options.transcoder.publication = PublicationId{number};
  return {};
}

}  // namespace

Result<Options> parse_options(std::span<char*> arguments, const Environment& environment, unsigned cpus) {
  Options options;
  options.transcoder.line.limits.cpus = cpus;
  from_environment(environment, options);
  const Result<Values> values = read(arguments, options);
  if (!values) return tl::unexpected<Error>(values.error());
  take_texts(*values, options);
  if (Result<void> taken = take_numbers(*values, options); !taken)
    return tl::unexpected<Error>(taken.error());
  if (Result<void> taken = take_publication(*values, options); !taken)
    return tl::unexpected<Error>(taken.error());
  if (options.try_encoders || options.choose) return options;
  if (!is_valid_id(options.transcoder.stream_id)) return usage("--stream is a stream's id");
  if (options.transcoder.directory.empty())
    return usage("--dir or MEDIA_LOG_DIR says where the media log is");
  return options;
}

}  // namespace millrace::transcoding
