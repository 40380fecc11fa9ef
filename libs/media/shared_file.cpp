#include "media/shared_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>
#include <utility>

#include "media/errors.hpp"

namespace millrace::media {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, which older headers lack

// Address space that begins at a whole huge page: the address, or nullptr.
void* reserve_aligned(std::size_t size) {
  const std::size_t room = size + kHugePageBytes;
  void* const address = ::mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::uint8_t*>(address);
  const std::size_t skipped = -reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t kept = (size + page - 1) / page * page;
  if (skipped > 0) ::munmap(begin, skipped);
  ::munmap(begin + skipped + kept, room - skipped - kept);
  return begin + skipped;
}

bool has_space(const FileDescriptor& file, std::uint64_t size) {
  struct statvfs status {};
  if (::fstatvfs(file.get(), &status) != 0) return false;
  return status.f_blocks == 0 || status.f_bavail >= size / status.f_frsize;
}

// The kernel makes huge pages of the whole file, whatever the mount says. It does so only where there is a
// page already: one in each of them costs no copying to speak of.
void collapse(const FileDescriptor& file, std::uint64_t size) {
  if (!has_space(file, size)) return;
  for (std::uint64_t place = 0; place + kHugePageBytes <= size; place += kHugePageBytes) {
    if (::posix_fallocate(file.get(), static_cast<off_t>(place), 1) != 0) return;
  }
  const auto mapping = SharedMapping::map(file, size, SharedMapping::Access::kReadWrite);
  if (mapping) (void)::madvise(mapping->data(), mapping->size(), kCollapse);
}

}  // namespace

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
  void* const place = size >= kHugePageBytes ? reserve_aligned(size) : nullptr;
  const int flags = MAP_SHARED | (populate ? MAP_POPULATE : 0) | (place != nullptr ? MAP_FIXED : 0);
  void* const address = ::mmap(place, size, protection, flags, file.get(), 0);
  if (address == MAP_FAILED) {
    const Error error = system_error("media.io", "mmap");
    if (place != nullptr) ::munmap(place, size);
    return tl::unexpected(error);
  }
  SharedMapping mapping;
  mapping.data_ = static_cast<std::uint8_t*>(address);
  mapping.size_ = size;
  return mapping;
}

std::size_t SharedMapping::huge_bytes() const {
  if (size_ < kHugePageBytes) return 0;
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool own = false;
  std::size_t kilobytes = 0;
  while (std::getline(maps, line)) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long value = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      if (own) break;
      own = begin == reinterpret_cast<std::uintptr_t>(data_);
    } else if (own && (std::sscanf(line.c_str(), "ShmemPmdMapped: %lu", &value) == 1 ||
                       std::sscanf(line.c_str(), "FilePmdMapped: %lu", &value) == 1)) {
      kilobytes += value;
    }
  }
  return kilobytes * 1024;
}

bool is_own_file(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

Result<FileDescriptor> open_file(const std::string& path, int flags) {
  FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.valid())
    return tl::unexpected(system_error(errno == ENOENT ? media::errors::kNotFound : "media.io", path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::unexpected(system_error("media.io", path));
  if (!is_own_file(status)) return fail("media.io", path + ": not a regular file of this user");
  return file;
}

Result<FileDescriptor> make_reserved_file(const std::string& path, std::uint64_t size, Pages pages) {
  Result<FileDescriptor> file = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
  if (!file) return file;
  // The size first: a tmpfs mounted with huge=within_size goes by it. Not alone: on a full tmpfs it succeeds,
  // and the first store into the mapping is a SIGBUS.
  int error = ::ftruncate(file->get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
  if (error == 0 && pages == Pages::kHugeWherePossible) collapse(*file, size);
  while (error == 0) {
    error = ::posix_fallocate(file->get(), 0, static_cast<off_t>(size));
    if (error == 0) return file;
    if (error == EINTR) error = 0;
  }
  ::unlink(path.c_str());
  errno = error;
  return tl::unexpected(system_error(error == ENOSPC ? media::errors::kNoSpace : "media.io",
                                     "reserve " + std::to_string(size) + " bytes for " + path));
}

namespace {

struct flock first_byte() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0;
  lock.l_len = 1;
  return lock;
}

}  // namespace

bool lock_first_byte(const FileDescriptor& file) {
  struct flock lock = first_byte();
  return ::fcntl(file.get(), F_OFD_SETLK, &lock) == 0;
}

bool first_byte_is_locked(const FileDescriptor& file) {
  struct flock lock = first_byte();
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

Error system_error(ErrorCode code, const std::string& what) {
  return Error{code, what + ": " + std::system_category().message(errno)};
}

}  // namespace millrace::media
