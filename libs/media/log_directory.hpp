// Where the media log is: one directory for all arenas of a machine, the same for every service. Values only.
#pragma once

#include <string>

namespace millrace {
class ConfigTable;
}

namespace millrace::media {

// Without MEDIA_LOG_DIR, below MILLRACE_HOME.
inline std::string default_log_directory(const std::string& home) {
  return home + "/run/media";
}

struct LogDirectoryConfig {
  std::string given;

  void add_row(ConfigTable& table);
  std::string directory(const std::string& home) const {
    return given.empty() ? default_log_directory(home) : given;
  }
};

}  // namespace millrace::media
