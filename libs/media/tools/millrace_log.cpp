// millrace-log: looks into a media log from outside, as one more reader.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/command_line.hpp"
#include "media/arena_format.hpp"
#include "media/arena_set.hpp"
#include "media/cursor_table.hpp"
#include "media/errors.hpp"
#include "media/log_directory.hpp"
#include "media/tools/log_text.hpp"
#include "media/tools/verify.hpp"

namespace {

using millrace::Result;
using nlohmann::json;
using namespace millrace::media;  // NOLINT: a program about nothing else

constexpr int kUsage = 64;
constexpr const char* kHelp =
    "millrace-log: looks into a media log (docs/media-log.md) from outside, as one more reader.\n"
    "millrace-log list   [--dir DIR] [--arena NAME] [--json]            logs and readers\n"
    "millrace-log dump   STREAM [--from N] [--count N] [--json] …       records and configurations\n"
    "millrace-log verify [STREAM] [--json] …                            checks every retained record; exit 1 "
    "if one is wrong. Warns of parts that came out too long or too short\n"
    "millrace-log follow STREAM [--json] …                              records as they are committed, until "
    "the end\n"
    "STREAM is a stream id (its newest source) or the publication id of any log as 16 hexadecimal digits.\n"
    "DIR: MEDIA_LOG_DIR, else that of the stack that runs in MILLRACE_HOME (.millrace); NAME: all arenas.\n";

struct Options {
  std::string command;
  std::string stream;
  std::string directory;
  std::string arena;  // empty: all
  std::uint64_t from = 0;
  std::uint64_t count = ~std::uint64_t{0};
  bool json = false;
};

// What follows a named option, or null when the arguments end.
bool take_value(int argc, char** argv, int& i, std::string& value) {
  if (i + 1 >= argc) return false;
  value = argv[++i];
  return true;
}

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// MEDIA_LOG_DIR; else what `millrace up` wrote down; else where ingest has it by itself. Empty if there is
// none.
std::string running_directory(const std::string& home) {
  std::string directory = environment("MEDIA_LOG_DIR", "");
  if (!directory.empty()) return directory;
  std::ifstream named(home + "/run/media_log_directory");
  if (!std::getline(named, directory)) directory = millrace::media::default_log_directory(home);
  std::error_code ignored;
  return std::filesystem::is_directory(directory, ignored) ? directory : std::string();
}

bool refuse(const std::string& why) {
  std::cerr << "millrace-log: " << why << '\n';
  return false;
}

bool parse(int argc, char** argv, Options& options) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    std::string number;
    if (word == "--json") {
      options.json = true;
    } else if (word == "--dir") {
      if (!take_value(argc, argv, i, options.directory)) return false;
    } else if (word == "--arena") {
      if (!take_value(argc, argv, i, options.arena)) return false;
    } else if (word == "--from" || word == "--count") {
      if (!take_value(argc, argv, i, number)) return false;
      const std::optional<std::uint64_t> count = millrace::parse_count(number);
      if (!count)
        return refuse(std::string(word).append(" must be a number, not '").append(number).append("'"));
      (word == "--from" ? options.from : options.count) = *count;
    } else if (word.rfind('-', 0) == 0) {
      return refuse("unknown option " + word);
    } else {
      words.push_back(word);
    }
  }
  if (words.empty() || words.size() > 2) return false;
  options.command = words[0];
  if (options.command != "list" && options.command != "verify" && options.command != "dump" &&
      options.command != "follow")
    return refuse("unknown command " + options.command);
  if (words.size() == 2) options.stream = words[1];
  return true;
}

// One object per line: as JSON, or as name=value.
void print(const json& object, bool as_json) {
  std::string line;
  if (as_json) {
    line = object.dump(-1, ' ', true, json::error_handler_t::replace);
  } else {
    for (const auto& [name, value] : object.items()) {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      if (!line.empty()) line += ' ';
      line.append(name).append("=").append(text);
    }
  }
  std::cout << line << '\n' << std::flush;
}

int fail_with(const millrace::Error& error) {
  std::cerr << "millrace-log: " << error.code << ": " << error.message << '\n';
  return 1;
}

// A log of the named arenas, with what opened it.
struct NamedLog {
  ArenaReader* arena = nullptr;
  LogInfo info;
};

using Arenas = std::vector<std::shared_ptr<ArenaReader>>;

Result<Arenas> open_arenas(const Options& options) {
  if (!options.arena.empty()) {
    auto arena = ArenaReader::open(options.directory, options.arena, "millrace-log");
    if (!arena) return tl::unexpected(arena.error());
    return Arenas{std::move(*arena)};
  }
  ArenaSet set(options.directory, "millrace-log");
  const Result<void> refreshed = set.refresh();
  if (!refreshed && set.empty()) return tl::unexpected(refreshed.error());
  if (!refreshed) std::cerr << "millrace-log: " << refreshed.error().message << '\n';
  if (set.empty())
    return millrace::fail(millrace::media::errors::kNotFound, "no arena in " + options.directory);
  Arenas arenas;
  for (const auto& [name, arena] : set.arenas()) arenas.push_back(arena);
  return arenas;
}

std::vector<NamedLog> logs_of(const Arenas& arenas) {
  std::vector<NamedLog> logs;
  for (const auto& arena : arenas) {
    for (LogInfo& info : arena->logs()) logs.push_back({arena.get(), std::move(info)});
  }
  return logs;
}

// Cursors that cannot be read do not keep those of the other arenas from being listed; the result is then 1.
int list(const Options& options, const Arenas& arenas) {
  int result = 0;
  for (const NamedLog& log : logs_of(arenas)) print(describe(log.arena->name(), log.info), options.json);
  for (const auto& arena : arenas) {
    const auto cursors = CursorFile::open(cursors_path(options.directory, arena->name()));
    if (!cursors) {
      result = fail_with(cursors.error());
      continue;
    }
    for (const CursorInfo& cursor : cursors->cursors()) {
      print({{"arena", arena->name()},
             {"reader", cursor.reader},
             {"pid", cursor.pid},
             {"slot", number_of(cursor.slot)},
             {"publication", hex(cursor.publication_id)},
             {"needs_from", cursor.sequence}},
            options.json);
    }
  }
  return result;
}

// The newest source of the stream, or the named publication.
Result<LogReader> open_named(const Options& options, const Arenas& arenas) {
  std::optional<NamedLog> found;
  for (NamedLog& log : logs_of(arenas)) {
    if (hex(log.info.publication_id) == options.stream)
      return log.arena->open_log(log.info.slot, log.info.publication_id, options.from);
    const bool is_named = log.info.stream_id == options.stream && log.info.role == LogRole::kSource;
    if (is_named && (!found || found->info.epoch <= log.info.epoch)) found = std::move(log);
  }
  if (!found) return millrace::fail(millrace::media::errors::kNotFound, "no log of " + options.stream);
  return found->arena->open_log(found->info.slot, found->info.publication_id, options.from);
}

void pause_briefly() {
  const timespec time{0, 20'000'000};
  ::nanosleep(&time, nullptr);
}

// Gives each record to use until count is reached or there are no more; a live log is waited for if wait is
// set.
void each_record(LogReader& reader, std::uint64_t count, bool wait,
                 const std::function<void(const LogReader::Sample&)>& use) {
  while (count > 0) {
    const LogReader::Read read = reader.read();
    if (const auto* sample = std::get_if<LogReader::Sample>(&read)) {
      use(*sample);
      reader.advance();
      --count;
    } else if (const auto* lagged = std::get_if<LogReader::Lagged>(&read)) {
      std::cerr << "millrace-log: records " << reader.position() << " to " << lagged->next_key
                << " were recycled\n";
      reader.seek(lagged->next_key);
    } else if (wait && std::holds_alternative<LogReader::Nothing>(read)) {
      pause_briefly();
    } else {
      return;
    }
  }
}

int dump(const Options& options, const Arenas& arenas, bool wait) {
  auto reader = open_named(options, arenas);
  if (!reader) return fail_with(reader.error());
  if (wait && options.from == 0) reader->seek(reader->info().committed);
  print(describe(reader->info()), options.json);
  for (std::uint32_t i = 0; i < reader->configuration_count(); ++i) {
    if (const auto configuration = reader->configuration(i))
      print(describe(configuration->description), options.json);
  }
  each_record(*reader, options.count, wait,
              [&](const LogReader::Sample& sample) { print(describe(sample.record), options.json); });
  if (wait) print(describe(reader->info()), options.json);
  return 0;
}

int verify(const Options& options, const Arenas& arenas) {
  std::uint64_t problems = 0;
  for (const auto& [arena, info] : logs_of(arenas)) {
    if (!options.stream.empty() && info.stream_id != options.stream &&
        hex(info.publication_id) != options.stream)
      continue;
    auto reader = arena->open_log(info.slot, info.publication_id, 0);
    if (!reader) continue;  // freed meanwhile
    const Verification result = verify_log(*reader);
    json line = describe(arena->name(), info);
    line["records"] = result.records;
    line["bytes"] = result.bytes;
    line["problems"] = result.problems;
    line["warnings"] = result.warnings;
    print(line, options.json);
    problems += result.problems.size();
  }
  return problems == 0 ? 0 : 1;
}

int run(const Options& options) {
  const Result<Arenas> arenas = open_arenas(options);
  if (!arenas) return fail_with(arenas.error());
  if (options.command == "list") return list(options, *arenas);
  if (options.command == "verify") return verify(options, *arenas);
  if (options.command == "dump" && !options.stream.empty()) return dump(options, *arenas, false);
  if (options.command == "follow" && !options.stream.empty()) return dump(options, *arenas, true);
  std::cerr << kHelp;
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (millrace::asks_for_help({argv + 1, argc > 0 ? static_cast<std::size_t>(argc - 1) : 0})) {
    std::cout << kHelp;
    return 0;
  }
  if (!parse(argc, argv, options)) {
    std::cerr << kHelp;
    return kUsage;
  }
  const std::string home = environment("MILLRACE_HOME", ".millrace");
  if (options.directory.empty()) options.directory = running_directory(home);
  if (options.directory.empty()) {
    std::cerr << "millrace-log: nothing runs in MILLRACE_HOME=" << home
              << ": name a stack's home there, or the log's directory with --dir or MEDIA_LOG_DIR\n";
    return kUsage;
  }
  return run(options);
}
