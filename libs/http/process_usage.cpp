#include "http/process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace millrace::http {
namespace {

// Of proc(5), counted from the state, which follows the name.
enum Field : std::uint8_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreads = 17,
  kStartTicks = 19,
  kPages = 21,
  kFields = 22
};

std::uint64_t count_descriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  // One of them is the iterator's own.
  return error ? 0 : static_cast<std::uint64_t>(std::distance(begin(entries), end(entries))) - 1;
}

double boot_seconds() {
  timespec wall{};
  timespec since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto seconds = [](const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  return seconds(wall) - seconds(since_boot);
}

}  // namespace

std::optional<ProcessUsage> parse_process_stat(std::string_view stat, const ProcessUnits& units) {
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  std::array<std::uint64_t, kFields> fields{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t end = std::min(stat.find(' '), stat.size());
    // The state is a letter, and some fields may be negative: those that count here are neither.
    const auto [last, error] = std::from_chars(stat.data(), stat.data() + end, fields.at(i));
    const bool counts =
        i == kUserTicks || i == kSystemTicks || i == kThreads || i == kStartTicks || i == kPages;
    if (counts && (error != std::errc{} || last != stat.data() + end)) return std::nullopt;
    stat.remove_prefix(std::min(end + 1, stat.size()));
  }
  return ProcessUsage{
      .cpu_seconds = static_cast<double>(fields[kUserTicks] + fields[kSystemTicks]) / units.ticks_per_second,
      .resident_bytes = fields[kPages] * units.page_bytes,
      .start_seconds = units.boot_seconds + static_cast<double>(fields[kStartTicks]) / units.ticks_per_second,
      .threads = fields[kThreads]};
}

std::optional<ProcessUsage> sample_process() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The start does not move because the wall clock was set.
  static const ProcessUnits kUnits{.ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK)),
                                   .page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                                   .boot_seconds = boot_seconds()};
  std::optional<ProcessUsage> usage = parse_process_stat(text, kUnits);
  if (!usage) return usage;
  usage->open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage->max_descriptors = limit.rlim_cur;
  return usage;
}

}  // namespace millrace::http
