#include "base/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/errors.hpp"

namespace millrace {
namespace {

constexpr std::size_t kReadBytes = 16UL * 1024;

tl::unexpected<Error> unreadable() {
  return fail("file.unreadable", std::generic_category().message(errno));
}

std::string size_text(std::size_t bytes) {
  if (bytes % (1U << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
  if (bytes % (1U << 10) == 0) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes) + " bytes";
}

// The size that the system states is no bound: files of /proc have 0, others may grow meanwhile.
Result<std::string> read_all(int fd, std::size_t max_bytes) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return unreadable();
  if (!S_ISREG(file.st_mode)) return fail("file.kind", "not a regular file");
  std::string text;
  for (std::size_t filled = 0;;) {
    text.resize(filled + std::min(kReadBytes, max_bytes + 1 - filled));
    const ssize_t count = ::read(fd, text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable();
    filled += static_cast<std::size_t>(count);
    if (filled > max_bytes) return fail(errors::kFileSize, "holds more than " + size_text(max_bytes));
    if (count > 0) continue;
    text.resize(filled);
    return text;
  }
}

}  // namespace

Result<std::string> read_regular_file(const std::string& path, std::size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO would wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return unreadable();
  Result<std::string> text = read_all(fd, max_bytes);
  ::close(fd);
  return text;
}

}  // namespace millrace
