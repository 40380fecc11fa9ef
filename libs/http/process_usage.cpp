#include "http/process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace millrace::http {
namespace {

// Of proc(5), counted from the state, which follows the name.
enum Field : std::uint8_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kChildrenUserTicks = 13,
  kChildrenSystemTicks = 14,
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

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// pid: of a process, or "self".
std::optional<ProcessUsage> read_stat(const std::string& pid) {
  // The start does not move because the wall clock was set.
  static const ProcessUnits units{.ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK)),
                                  .page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                                  .boot_seconds = boot_seconds()};
  return parse_process_stat(read_text("/proc/" + pid + "/stat"), units);
}

// Each is its thread's that started it. Nothing where the kernel does not name them.
std::vector<std::string> children() {
  std::vector<std::string> pids;
  std::error_code error;
  std::filesystem::directory_iterator thread("/proc/self/task", error);
  for (; !error && thread != std::filesystem::directory_iterator(); thread.increment(error)) {
    std::istringstream list(read_text(thread->path().string() + "/children"));
    pids.insert(pids.end(), std::istream_iterator<std::string>(list), {});
  }
  return pids;
}

}  // namespace

ChildrenUsage sample_children(const ProcessUsage& self) {
  ChildrenUsage usage{.cpu_seconds = self.ended_children_cpu};
  for (const std::string& pid : children()) {
    const std::optional<ProcessUsage> child = read_stat(pid);
    if (!child) continue;  // it has just ended
    ++usage.running;
    usage.cpu_seconds += child->cpu_seconds + child->ended_children_cpu;
    usage.resident_bytes += child->resident_bytes;
  }
  // One that ends between two looks is in neither of them until the next sample.
  static std::mutex mutex;
  static double most = 0;
  const std::lock_guard lock(mutex);
  most = std::max(most, usage.cpu_seconds);
  usage.cpu_seconds = most;
  return usage;
}

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
        (i >= kUserTicks && i <= kChildrenSystemTicks) || i == kThreads || i == kStartTicks || i == kPages;
    if (counts && (error != std::errc{} || last != stat.data() + end)) return std::nullopt;
    stat.remove_prefix(std::min(end + 1, stat.size()));
  }
  return ProcessUsage{
      .cpu_seconds = static_cast<double>(fields[kUserTicks] + fields[kSystemTicks]) / units.ticks_per_second,
      .ended_children_cpu = static_cast<double>(fields[kChildrenUserTicks] + fields[kChildrenSystemTicks]) /
                            units.ticks_per_second,
      .resident_bytes = fields[kPages] * units.page_bytes,
      .start_seconds = units.boot_seconds + static_cast<double>(fields[kStartTicks]) / units.ticks_per_second,
      .threads = fields[kThreads]};
}

std::optional<ProcessUsage> sample_process() {
  std::optional<ProcessUsage> usage = read_stat("self");
  if (!usage) return usage;
  usage->open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage->max_descriptors = limit.rlim_cur;
  return usage;
}

}  // namespace millrace::http
