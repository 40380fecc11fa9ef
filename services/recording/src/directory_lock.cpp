#include "directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "errors.hpp"
#include "file_io.hpp"

namespace millrace::recording {
namespace {

constexpr const char* kFileName = "/.recorder";

std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string holder(int fd) {
  std::array<char, 300> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "another process";
}

}  // namespace

Result<void> DirectoryLock::take(const std::string& directory) {
  const std::string path = directory + kFileName;
  if (held(path)) return {};
  fd_ = {};
  if (auto made = make_directory(directory); !made) return made;
  auto fd = open_file(path, O_RDWR | O_CREAT);
  if (!fd) return tl::unexpected(fd.error());
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return tl::unexpected(file_error("lock the directory"));
    return fail(recording::errors::kLocked, "the recordings' directory is in use by another recorder: " +
                                                holder(fd->get()) + "; each needs a directory of its own");
  }
  const std::string name = own_name();
  // The holder is only named to others: a full disk does not matter.
  if (::ftruncate(fd->get(), 0) == 0) (void)write_at(fd->get(), 0, as_bytes(name));
  fd_ = std::move(*fd);
  return {};
}

bool DirectoryLock::held(const std::string& path) const {
  struct stat own {};
  struct stat there {};
  return fd_ && ::fstat(fd_.get(), &own) == 0 && ::stat(path.c_str(), &there) == 0 &&
         own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

}  // namespace millrace::recording
