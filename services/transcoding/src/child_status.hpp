// What a child says of itself once a second (millrace-transcoder --status). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::transcoding {

struct ChildStatus {
  struct Rendition {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
  };
  std::uint64_t frames_in = 0;
  double speed = 0;  // media time over time; 0: not known yet
  std::uint64_t queue = 0;
  double behind_seconds = 0;
  std::map<std::string, Rendition> renditions{};  // that there is something of
};

// nullopt: it is not that.
std::optional<ChildStatus> parse_child_status(std::string_view line);

// Lines of a child's output, as they come. What is longer than kMostBytes is passed over.
class StatusLines {
 public:
  static constexpr std::size_t kMostBytes = 64U << 10;
  // The newest whole one among them; nullopt: there is none.
  std::optional<ChildStatus> take(std::string_view output);

 private:
  std::string line_;
};

}  // namespace millrace::transcoding
