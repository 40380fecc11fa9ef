// A file descriptor and a shared mapping of a file, closed and unmapped with their owners.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace millrace::media {

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

  // Maps the first size bytes. populate: fill the page tables now rather than a fault at a time later.
  [[nodiscard]] static Result<SharedMapping> map(const FileDescriptor& file, std::size_t size, Access access,
                                                 bool populate = false);
  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// A regular file of the user this process runs as: nothing else in a media log's directory is opened.
bool is_own_file(const struct stat& status);
// Never waits for the other end of a FIFO and never follows a symbolic link. "media.not_found" when there is
// none; "media.io" otherwise, also for what is_own_file() refuses.
[[nodiscard]] Result<FileDescriptor> open_file(const std::string& path, int flags);
// A file of this size with all its pages reserved: "media.no_space" when the file system has not enough,
// "media.io".
[[nodiscard]] Result<FileDescriptor> make_reserved_file(const std::string& path, std::uint64_t size);
// Error for a failed call, with errno's text.
Error system_error(std::string_view code, const std::string& what);

}  // namespace millrace::media
