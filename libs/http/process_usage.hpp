// What this process has used, from the kernel's texts, as the process_* metrics that Prometheus' own clients
// have. Pure but for sample_…(). Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::http {

struct ProcessUsage {
  double cpu_seconds = 0;         // user and system, since the start
  double ended_children_cpu = 0;  // seconds of children that ended and were waited for
  std::uint64_t resident_bytes = 0;
  double start_seconds = 0;  // since 1970 UTC
  std::uint64_t threads = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t max_descriptors = 0;
};

// The kernel's units.
struct ProcessUnits {
  double ticks_per_second = 100;
  std::uint64_t page_bytes = 4096;
  double boot_seconds = 0;  // since 1970 UTC
};

// stat: /proc/self/stat, whose second field is the program's name with any characters in parentheses.
// Without the descriptors. Nothing where it is not understood.
std::optional<ProcessUsage> parse_process_stat(std::string_view stat, const ProcessUnits& units);

// Child processes of this one. Their seconds never step back: those of a child that ends stay.
struct ChildrenUsage {
  std::uint64_t running = 0;
  double cpu_seconds = 0;            // of those that ended too
  std::uint64_t resident_bytes = 0;  // of those that run
};
// Now. self: sample_process(), taken before.
ChildrenUsage sample_children(const ProcessUsage& self);

// Of this process, now. Blocks, but only for the kernel.
std::optional<ProcessUsage> sample_process();

}  // namespace millrace::http
