#include "host_usage.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace millrace::metrics {
namespace {

// The next decimal number; text goes on behind it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::size_t at = text.find_first_not_of(" \t");
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// What stands behind the label at a line's beginning.
std::string_view behind(std::string_view text, std::string_view label) {
  for (std::size_t at = 0; (at = text.find(label, at)) != std::string_view::npos; at += label.size()) {
    if (at == 0 || text[at - 1] == '\n') return text.substr(at + label.size());
  }
  return {};
}

constexpr std::size_t kCpuFields = 8;   // user nice system idle iowait irq softirq steal
constexpr double kLastingSamples = 30;  // one a second
constexpr std::size_t kIdle = 3, kIoWait = 4;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The first card that reports it; "" when there is none.
std::string read_gpu() {
  std::error_code error;
  std::filesystem::directory_iterator cards("/sys/class/drm", error);
  if (error) return {};
  for (const auto& card : cards) {
    std::string text = read(card.path() / "device/gpu_busy_percent");
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace

void HostMeter::add(std::string_view stat, std::string_view meminfo, std::string_view gpu) {
  std::string_view cpu = behind(stat, "cpu ");
  std::uint64_t total = 0, idle = 0;
  for (std::size_t field = 0; field < kCpuFields; ++field) {
    const std::uint64_t ticks = take_number(cpu).value_or(0);
    total += ticks;
    if (field == kIdle || field == kIoWait) idle += ticks;
  }
  const std::uint64_t busy = total - idle;
  if (total > total_ && busy >= busy_)
    usage_.cpu = std::min(1.0, static_cast<double>(busy - busy_) / static_cast<double>(total - total_));
  usage_.lasting_cpu += (usage_.cpu - usage_.lasting_cpu) / kLastingSamples;
  busy_ = busy;
  total_ = total;

  std::string_view all = behind(meminfo, "MemTotal:");
  std::string_view available = behind(meminfo, "MemAvailable:");
  const auto all_kib = take_number(all), available_kib = take_number(available);
  if (all_kib && available_kib && *available_kib <= *all_kib) {
    usage_.memory_total_bytes = *all_kib * 1024;
    usage_.memory_used_bytes = (*all_kib - *available_kib) * 1024;
  }
  usage_.gpu.reset();
  if (const auto percent = take_number(gpu)) usage_.gpu = std::min(1.0, static_cast<double>(*percent) / 100);
}

void sample_host(HostMeter& meter) {
  meter.add(read("/proc/stat"), read("/proc/meminfo"), read_gpu());
}

}  // namespace millrace::metrics
