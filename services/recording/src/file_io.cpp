#include "file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "errors.hpp"

namespace millrace::recording {
namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "recording.disk_full";
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
      return "recording.unwritable";
    case EEXIST:
      return recording::errors::kExists;
    default:
      return recording::errors::kIo;
  }
}

Error error_of(int number, const char* call) {
  return {code_of(number), std::string(call) + ": " + std::generic_category().message(number)};
}

// Bytes of pieces from position on, as many as one call takes.
std::size_t gather(std::span<const Bytes* const> pieces, std::uint64_t position, std::span<iovec> vectors) {
  std::size_t count = 0;
  for (const Bytes* const piece : pieces) {
    if (count == vectors.size()) break;
    if (position >= piece->size()) {
      position -= piece->size();
      continue;
    }
    // An iovec serves reading too; writing leaves the bytes alone.
    auto* const data = const_cast<std::uint8_t*>(piece->data());
    vectors[count++] = {data + position, piece->size() - static_cast<std::size_t>(position)};
    position = 0;
  }
  return count;
}

}  // namespace

Error file_error(const char* call) {
  return error_of(errno, call);
}

Result<net::UniqueFd> open_file(const std::string& path, int flags) {
  net::UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0640));
  if (!fd) return tl::unexpected(file_error("open"));
  return fd;
}

Result<std::uint64_t> file_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return tl::unexpected(file_error("stat"));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> write_at(int fd, std::uint64_t offset, std::span<const Bytes* const> pieces) {
  constexpr std::size_t kVectors = 512;
  std::array<iovec, kVectors> vectors{};
  for (std::uint64_t position = 0;;) {
    const std::size_t count = gather(pieces, position, vectors);
    if (count == 0) return {};
    const ssize_t written =
        ::pwritev(fd, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset + position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(file_error("write"));
    position += static_cast<std::uint64_t>(written);
  }
}

Result<void> write_at(int fd, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(file_error("write"));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> reserve(int fd, std::uint64_t size) {
  constexpr std::uint64_t kMostLeftFree = 1ULL << 30;
  constexpr std::uint64_t kLeftFreeOf = 20;
  struct statvfs system {};
  if (::fstatvfs(fd, &system) != 0) return tl::unexpected(file_error("ask for free room"));
  const std::uint64_t left_free =
      std::min<std::uint64_t>(system.f_blocks * system.f_frsize / kLeftFreeOf, kMostLeftFree);
  if (system.f_bavail * system.f_frsize < size + left_free) {
    return fail("recording.disk_full", "no room for a finished file of " + std::to_string(size >> 20) +
                                           " MiB beside what is being recorded");
  }
  // Not posix_fallocate: where a file system cannot reserve, that would write the whole file.
  while (::fallocate(fd, 0, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) break;  // what was free a moment ago has to do
    return tl::unexpected(file_error("reserve room"));
  }
  return {};
}

Result<void> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t count = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(file_error("read"));
    if (count == 0) return fail(recording::errors::kIo, "read: the file has become shorter");
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> sync_directory(const std::string& directory) {
  const auto fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return tl::unexpected(fd.error());
  if (::fsync(fd->get()) != 0) return tl::unexpected(file_error("sync of the directory"));
  return {};
}

Result<void> make_directory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return tl::unexpected(error_of(error.value(), "make the directory"));
  return {};
}

Result<mp4::FileSource> file_source(int fd) {
  const auto size = file_size(fd);
  if (!size) return tl::unexpected(size.error());
  return mp4::FileSource{
      *size, [fd](std::uint64_t offset, std::span<std::uint8_t> into) { return read_at(fd, offset, into); }};
}

}  // namespace millrace::recording
