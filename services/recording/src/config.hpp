// recording's configuration: one row a field.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"
#include "media/log_directory.hpp"

namespace millrace::recording {

struct RecordingConfig {
  media::LogDirectoryConfig media_log;
  std::string media_root;
  std::string vod_directory_name;
  http::OpsConfig ops;
  std::chrono::seconds reconnect_grace{};
  std::chrono::seconds longest_file{};
  std::uint64_t largest_file = 0;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
};

}  // namespace millrace::recording
