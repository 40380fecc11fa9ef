// A file descriptor and a shared mapping of a file, closed and unmapped with their owners.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::media {

// What x86-64, and others with 4 KiB pages, map by one entry of the page table above the lowest.
inline constexpr std::size_t kHugePageBytes = 2U << 20;

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  // Size in bytes and inode number; zeros when the descriptor is not valid.
  std::uint64_t size() const;
  std::uint64_t inode() const;

 private:
  int number_ = -1;
};

class SharedMapping {
 public:
  enum class Access { kRead, kReadWrite };

  SharedMapping() = default;
  ~SharedMapping();
  SharedMapping(SharedMapping&& other) noexcept;
  SharedMapping& operator=(SharedMapping&& other) noexcept;

  // Maps the first size bytes, where huge pages of the file can be mapped as such. populate: fill the page
  // tables now rather than a fault at a time later.
  static Result<SharedMapping> map(const FileDescriptor& file, std::size_t size, Access access,
                                   bool populate = false);
  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  // How much of it is mapped by huge pages now, as the kernel says; what is not populated does not count.
  std::size_t huge_bytes() const;

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// A regular file of the user this process runs as: nothing else in a media log's directory is opened.
bool is_own_file(const struct stat& status);
// Never waits for the other end of a FIFO and never follows a symbolic link. "media.not_found" when there is
// none; "media.io" otherwise, also for what is_own_file() refuses.
Result<FileDescriptor> open_file(const std::string& path, int flags);
enum class Pages { kSmall, kHugeWherePossible };
// A file of this size with all its pages reserved: "media.no_space" when the file system has not enough,
// "media.io". Huge pages are given by a tmpfs mounted with huge=, and by any other as of Linux 6.1; that
// there are none, or not enough, is no error.
Result<FileDescriptor> make_reserved_file(const std::string& path, std::uint64_t size, Pages pages);
// A lock on the file's first byte that goes with the descriptor, and so with its process. Asking for it,
// unlike flock, takes nothing from anybody: nobody who wants the lock is refused meanwhile.
bool lock_first_byte(const FileDescriptor& file);
// Another open file holds it; also true when that can't be known.
bool first_byte_is_locked(const FileDescriptor& file);
// Error for a failed call, with errno's text.
Error system_error(ErrorCode code, const std::string& what);

}  // namespace millrace::media
