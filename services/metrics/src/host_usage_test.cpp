#include "host_usage.hpp"

#include <gtest/gtest.h>

namespace millrace::metrics {
namespace {

constexpr std::string_view kMemory =
    "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   12000000 kB\n";

TEST(HostMeter, TellsTheShareSinceTheSampleBefore) {
  HostMeter meter;
  meter.add("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n", kMemory, "");
  EXPECT_DOUBLE_EQ(meter.usage().cpu, 0.2) << "since the machine began";
  meter.add("cpu  160 0 110 820 10 0 0 0 0 0\ncpu0 1 1 1 1\n", kMemory, "42\n");
  EXPECT_DOUBLE_EQ(meter.usage().cpu, 0.7);
  EXPECT_EQ(meter.usage().memory_total_bytes, 16'384'000'000u);
  EXPECT_EQ(meter.usage().memory_used_bytes, 4'096'000'000u);
  EXPECT_DOUBLE_EQ(meter.usage().memory(), 0.25);
  EXPECT_EQ(meter.usage().gpu, 0.42);
  meter.add("cpu  160 0 110 820 10 0 0 0 0 0\n", kMemory, "");
  EXPECT_FALSE(meter.usage().gpu);
}

TEST(HostMeter, SurvivesTextsThatAreNotTheKernels) {
  for (const std::string_view text : {"", "cpu", "cpu  x", "MemTotal:", "MemTotal: x\nMemAvailable: 5",
                                      "xMemTotal: 5\nMemAvailable: 5", "cpu  99999999999999999999999 1"}) {
    HostMeter meter;
    meter.add(text, text, text);
    EXPECT_GE(meter.usage().cpu, 0);
    EXPECT_LE(meter.usage().cpu, 1);
    EXPECT_EQ(meter.usage().memory_total_bytes, 0u);
    EXPECT_EQ(meter.usage().memory(), 0);
  }
  HostMeter meter;
  sample_host(meter);
  EXPECT_GT(meter.usage().memory_total_bytes, 0u) << "of this machine";
}

}  // namespace
}  // namespace millrace::metrics
