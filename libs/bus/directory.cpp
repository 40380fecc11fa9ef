#include "bus/directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace::bus {
namespace {

std::string describe(int error) {
  return std::generic_category().message(error);
}

}  // namespace

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

InstanceLock& InstanceLock::operator=(InstanceLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<InstanceLock> InstanceLock::take(const std::string& directory, const PeerName& name) {
  const std::string path = directory + "/" + to_string(name) + ".lock";
  InstanceLock lock;
  lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock.fd_ < 0) return fail("bus.directory", "cannot open " + path + " (BUS_DIR): " + describe(errno));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return fail("bus.in_use",
                "another " + to_string(name) + " is running on " + directory + " (BUS_DIR, BUS_INSTANCE)");
  return fail("bus.directory", "cannot lock " + path + ": " + describe(errno));
}

Result<void> prepare_directory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(directory).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail("bus.directory", "cannot make " + directory + " (BUS_DIR): " + describe(errno));
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail("bus.directory", directory + " (BUS_DIR) is not a directory");
  }
  if (status.st_uid == ::geteuid()) {
    if (::chmod(directory.c_str(), 0700) == 0) return {};
    return fail("bus.directory", "cannot protect " + directory + " (BUS_DIR): " + describe(errno));
  }
  if ((status.st_mode & S_IWOTH) == 0) return {};
  return fail("bus.directory",
              directory + " (BUS_DIR) belongs to another user, and everybody may write to it");
}

}  // namespace millrace::bus
