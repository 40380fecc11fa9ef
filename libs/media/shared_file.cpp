#include "media/shared_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace millrace::media {

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

std::uint64_t FileDescriptor::size() const {
  struct stat status {};
  return ::fstat(number_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::uint64_t FileDescriptor::inode() const {
  struct stat status {};
  return ::fstat(number_, &status) == 0 ? status.st_ino : 0;
}

SharedMapping::~SharedMapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

SharedMapping::SharedMapping(SharedMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedMapping& SharedMapping::operator=(SharedMapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Result<SharedMapping> SharedMapping::map(const FileDescriptor& file, std::size_t size, Access access,
                                         bool populate) {
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* address =
      ::mmap(nullptr, size, protection, MAP_SHARED | (populate ? MAP_POPULATE : 0), file.get(), 0);
  if (address == MAP_FAILED) return tl::unexpected(system_error("media.io", "mmap"));
  SharedMapping mapping;
  mapping.data_ = static_cast<std::uint8_t*>(address);
  mapping.size_ = size;
  return mapping;
}

bool is_own_file(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

Result<FileDescriptor> open_file(const std::string& path, int flags) {
  FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.valid())
    return tl::unexpected(system_error(errno == ENOENT ? "media.not_found" : "media.io", path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::unexpected(system_error("media.io", path));
  if (!is_own_file(status)) return fail("media.io", path + ": not a regular file of this user");
  return file;
}

Result<FileDescriptor> make_reserved_file(const std::string& path, std::uint64_t size) {
  Result<FileDescriptor> file = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  if (!file) return file;
  // Not ftruncate: on a full tmpfs that succeeds and the first store into the mapping is a SIGBUS.
  int error = 0;
  do {
    error = ::posix_fallocate(file->get(), 0, static_cast<off_t>(size));
  } while (error == EINTR);
  if (error == 0) return file;
  ::unlink(path.c_str());
  errno = error;
  return tl::unexpected(system_error(error == ENOSPC ? "media.no_space" : "media.io",
                                     "reserve " + std::to_string(size) + " bytes for " + path));
}

Error system_error(std::string_view code, const std::string& what) {
  return Error{code, what + ": " + std::system_category().message(errno)};
}

}  // namespace millrace::media
