#include "store/database_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace millrace::store {
namespace {

tl::unexpected<Error> system_failure(const std::string& path) {
  return fail("store.read_only", path + ": " + std::generic_category().message(errno));
}

Result<void> make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return system_failure(directory);
  }
  return {};
}

}  // namespace

Result<std::string> sqlite_path(const std::string& url) {
  if (url.find("://") != std::string::npos) {
    return fail("store.unsupported", "DATABASE_URL must be a path (SQLite) or begin with postgresql://");
  }
  // A quote would end the path inside SOCI's connect string.
  if (url.empty() || url.find('"') != std::string::npos) {
    return fail("store.unsupported", "DATABASE_URL must be a path without quotation marks");
  }
  return url;
}

Result<void> prepare_file(const std::string& path) {
  if (Result<void> made = make_directories(path); !made) return made;
  // Only a new file is opened here: closing a descriptor drops the POSIX locks that this process's SQLite
  // holds on it.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) {
    ::close(file);
  } else if (errno != EEXIST) {
    return system_failure(path);
  }
  // SQLite gives the same mode to the write-ahead log beside it.
  if (chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) return system_failure(path);
  return {};
}

}  // namespace millrace::store
