// How busy the machine (or container) is, from the kernel's texts. Sans-IO: texts in, numbers out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::metrics {

struct HostUsage {
  double cpu = 0;          // share of all cores since the sample before, 0 to 1
  double lasting_cpu = 0;  // the same over about half a minute
  std::uint64_t memory_total_bytes = 0;
  std::uint64_t memory_used_bytes = 0;  // total less available
  std::optional<double> gpu;            // share; none where the kernel reports none

  double memory() const {
    return memory_total_bytes == 0
               ? 0
               : static_cast<double>(memory_used_bytes) / static_cast<double>(memory_total_bytes);
  }
};

class HostMeter {
 public:
  // stat: /proc/stat; meminfo: /proc/meminfo; gpu: gpu_busy_percent of the DRM device, or empty. What is not
  // understood leaves its number as it was.
  void add(std::string_view stat, std::string_view meminfo, std::string_view gpu);
  const HostUsage& usage() const { return usage_; }

 private:
  HostUsage usage_;
  std::uint64_t busy_ = 0;
  std::uint64_t total_ = 0;
};

// Adds what this machine says now; blocking, but only for the kernel.
void sample_host(HostMeter& meter);

}  // namespace millrace::metrics
