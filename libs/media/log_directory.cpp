#include "media/log_directory.hpp"

#include "base/config.hpp"

namespace millrace::media {

void LogDirectoryConfig::add_row(ConfigTable& table) {
  table.text("MEDIA_LOG_DIR", given, "",
             "directory of the media log, a tmpfs; default: run/media below MILLRACE_HOME");
}

}  // namespace millrace::media
