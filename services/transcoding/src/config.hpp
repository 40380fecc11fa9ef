// transcoding's configuration.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/config.hpp"
#include "bus/endpoints.hpp"
#include "http/ops_config.hpp"
#include "media/log_directory.hpp"

namespace millrace::transcoding {

struct TranscodingConfig {
  std::string mode;  // "off", "ondemand", "always"
  std::string ladder;
  std::string ladder_file;
  std::string encoder;
  std::string preset;
  std::chrono::seconds linger{0};
  std::size_t most_children = 0;
  media::LogDirectoryConfig media_log;
  http::OpsConfig ops;
  bus::EndpointsConfig bus;

  void add_rows(ConfigTable& table);
  bool transcodes() const { return mode != "off"; }
};

}  // namespace millrace::transcoding
