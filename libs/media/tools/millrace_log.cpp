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
#include "media/arena_format.hpp"
#include "media/arena_reader.hpp"
#include "media/cursor_table.hpp"
#include "media/tools/verify.hpp"

namespace {

using millrace::Result;
using nlohmann::json;
using namespace millrace::media;  // NOLINT: a program about nothing else

constexpr int kUsage = 64;
constexpr const char* kHelp =
    "millrace-log list   [--dir DIR] [--arena NAME] [--json]            logs and readers of an arena\n"
    "millrace-log dump   STREAM [--from N] [--count N] [--json] …       records and configurations\n"
    "millrace-log verify [STREAM] [--json] …                            checks every retained record; exit 1 "
    "if one is wrong\n"
    "millrace-log follow STREAM [--json] …                              records as they are committed, until "
    "the end\n"
    "STREAM is a stream id (its newest log) or a publication id as 16 hexadecimal digits. DIR: "
    "MEDIA_LOG_DIR, else that of the stack that runs in MILLRACE_HOME (.millrace); NAME: ingest.\n";

struct Options {
  std::string command;
  std::string stream;
  std::string directory;
  std::string arena = "ingest";
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
  if (!std::getline(named, directory)) directory = home + "/run/media";
  std::error_code ignored;
  return std::filesystem::is_directory(directory, ignored) ? directory : std::string();
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
      (word == "--from" ? options.from : options.count) = std::strtoull(number.c_str(), nullptr, 10);
    } else if (word.rfind("--", 0) == 0) {
      return false;
    } else {
      words.push_back(word);
    }
  }
  if (words.empty() || words.size() > 2) return false;
  options.command = words[0];
  if (words.size() == 2) options.stream = words[1];
  return true;
}

std::string hex(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

const char* end_name(LogEnd end) {
  constexpr std::array<const char*, 10> kNames = {
      "live",           "unpublished", "disconnected", "timed_out", "taken_over",
      "protocol_error", "drained",     "writer_lost",  "no_space",  "revoked"};
  const auto index = static_cast<std::size_t>(end);
  return index < kNames.size() ? kNames[index] : "damaged";
}

std::string flag_names(std::uint16_t flags) {
  std::string names;
  if ((flags & kSampleKey) != 0) names += 'K';
  if ((flags & kSampleSegmentStart) != 0) names += 'S';
  if ((flags & kSampleDiscontinuity) != 0) names += 'D';
  if ((flags & kSampleRepaired) != 0) names += 'R';
  if ((flags & kSampleRecovery) != 0) names += 'P';
  if ((flags & kSampleRefresh) != 0) names += 'r';
  if ((flags & kSampleNoVideoYet) != 0) names += 'v';
  if ((flags & kSampleNoAudioYet) != 0) names += 'a';
  return names.empty() ? "-" : names;
}

json describe(const LogInfo& info) {
  return {{"stream", info.stream_id},
          {"publication", hex(info.publication_id)},
          {"epoch", info.epoch},
          {"slot", info.slot},
          {"state", end_name(info.end)},
          {"started", millrace::rfc3339(info.started_wall_us)},
          {"first", info.first},
          {"committed", info.committed},
          {"target_duration_s", info.target_duration_s}};
}

json describe(const SampleRecord& record) {
  return {{"sequence", record.sequence},
          {"track", record.track},
          {"flags", flag_names(record.flags)},
          {"dts", record.dts},
          {"composition_offset", record.composition_offset},
          {"wire_timestamp_ms", record.wire_timestamp_ms},
          {"size", record.size},
          {"segment", record.media_sequence},
          {"discontinuity", record.discontinuity_sequence},
          {"configuration", record.configuration},
          {"arrival_us", record.arrival_us},
          {"presented", millrace::rfc3339(record.presented_wall_us)},
          {"block", record.block},
          {"generation", record.generation},
          {"offset", record.offset}};
}

const char* name_of(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kH264:
      return "h264";
    case Codec::kH265:
      return "h265";
    case Codec::kAv1:
      return "av1";
    case Codec::kVp9:
      return "vp9";
    case Codec::kAac:
      return "aac";
    case Codec::kOpus:
      return "opus";
    case Codec::kMp3:
      return "mp3";
    case Codec::kFlac:
      return "flac";
    case Codec::kAc3:
      return "ac3";
    case Codec::kEac3:
      return "eac3";
    case Codec::kData:
      return "data";
  }
  return "unknown";
}

json describe(const TrackConfiguration& configuration) {
  return {{"configuration", configuration.index},
          {"track", configuration.track},
          {"codec", name_of(configuration.codec)},
          {"timescale", configuration.timescale},
          {"size", configuration.size},
          {"width", configuration.width},
          {"height", configuration.height},
          {"sample_rate", configuration.sample_rate},
          {"channels", configuration.channels},
          {"from_segment", configuration.media_sequence}};
}

// One object a line: as JSON, or as name=value.
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

int list(const Options& options, ArenaReader& arena) {
  for (const LogInfo& info : arena.logs()) print(describe(info), options.json);
  const auto cursors = CursorFile::open(cursors_path(options.directory, options.arena));
  if (!cursors) return fail_with(cursors.error());
  for (const CursorInfo& cursor : cursors->cursors()) {
    print({{"reader", cursor.reader},
           {"pid", cursor.pid},
           {"slot", cursor.slot},
           {"publication", hex(cursor.publication_id)},
           {"needs_from", cursor.sequence}},
          options.json);
  }
  return 0;
}

// The newest log of the stream, or the named publication.
Result<LogReader> open_named(const Options& options, ArenaReader& arena) {
  std::optional<LogInfo> found;
  for (const LogInfo& info : arena.logs()) {
    if (info.stream_id == options.stream || hex(info.publication_id) == options.stream) found = info;
  }
  if (!found) return millrace::fail("media.not_found", "no log of " + options.stream);
  return arena.open_log(found->slot, found->publication_id, options.from);
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

int dump(const Options& options, ArenaReader& arena, bool wait) {
  auto reader = open_named(options, arena);
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

int verify(const Options& options, ArenaReader& arena) {
  std::uint64_t problems = 0;
  for (const LogInfo& info : arena.logs()) {
    if (!options.stream.empty() && info.stream_id != options.stream &&
        hex(info.publication_id) != options.stream)
      continue;
    auto reader = arena.open_log(info.slot, info.publication_id, 0);
    if (!reader) continue;  // freed meanwhile
    const Verification result = verify_log(*reader);
    json line = describe(info);
    line["records"] = result.records;
    line["bytes"] = result.bytes;
    line["problems"] = result.problems;
    print(line, options.json);
    problems += result.problems.size();
  }
  return problems == 0 ? 0 : 1;
}

int run(const Options& options) {
  const auto arena = ArenaReader::open(options.directory, options.arena, "millrace-log");
  if (!arena) return fail_with(arena.error());
  if (options.command == "list") return list(options, **arena);
  if (options.command == "verify") return verify(options, **arena);
  if (options.command == "dump" && !options.stream.empty()) return dump(options, **arena, false);
  if (options.command == "follow" && !options.stream.empty()) return dump(options, **arena, true);
  std::cerr << kHelp;
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
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
