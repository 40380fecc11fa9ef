#include "child_status.hpp"

#include <nlohmann/json.hpp>

namespace millrace::transcoding {

std::optional<ChildStatus> parse_child_status(std::string_view line) try {
  constexpr double kMilliseconds = 1000;
  const nlohmann::json said = nlohmann::json::parse(line);
  ChildStatus status;
  status.frames_in = said.at("frames_in").get<std::uint64_t>();
  status.speed = said.at("speed").get<double>();
  status.queue = said.at("queue").get<std::uint64_t>();
  status.behind_seconds = said.at("behind_ms").get<double>() / kMilliseconds;
  for (const nlohmann::json& rendition : said.at("renditions")) {
    const auto frames = rendition.at("frames_out").get<std::uint64_t>();
    if (frames == 0) continue;
    status.renditions[rendition.at("name").get<std::string>()] = {
        frames, rendition.at("bytes_out").get<std::uint64_t>()};
  }
  return status;
} catch (const nlohmann::json::exception&) {
  return std::nullopt;
}

std::optional<ChildStatus> StatusLines::take(std::string_view output) {
  std::optional<ChildStatus> newest;
  line_ += output;
  std::size_t begin = 0;
  for (std::size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n', begin)) {
    if (auto status = parse_child_status(std::string_view(line_).substr(begin, end - begin)))
      newest = std::move(status);
    begin = end + 1;
  }
  line_.erase(0, begin);
  if (line_.size() > kMostBytes) line_.clear();
  return newest;
}

}  // namespace millrace::transcoding
