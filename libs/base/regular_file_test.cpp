#include "base/regular_file.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

class RegularFileTest : public ::testing::Test {
 protected:
  RegularFileTest() {
    std::string path = "/tmp/millrace-file-XXXXXX";
    directory_ = ::mkdtemp(path.data());
    path_ = directory_ + "/file";
  }
  ~RegularFileTest() override { std::filesystem::remove_all(directory_); }
  std::string outcome(const std::string& path, std::size_t max_bytes = 100'000) const {
    const Result<std::string> text = read_regular_file(path, max_bytes);
    return text ? *text : std::string(text.error().code) + ": " + text.error().message;
  }

  std::string directory_;
  std::string path_;
};

TEST_F(RegularFileTest, ReadsWholeFilesUpToTheBound) {
  for (const std::size_t size : {0U, 1U, 16384U, 16385U, 100'000U}) {
    const std::string content(size, 'a');
    std::ofstream(path_, std::ios::trunc) << content;
    EXPECT_EQ(outcome(path_), content) << size;
  }
  std::ofstream(path_, std::ios::trunc) << std::string(100'001, 'a');
  EXPECT_EQ(outcome(path_), "file.size: holds more than 100000 bytes");
  EXPECT_EQ(outcome(path_, 64U << 10), "file.size: holds more than 64 KiB");
  std::filesystem::create_symlink(path_, directory_ + "/link");
  EXPECT_EQ(outcome(directory_ + "/link", 100'001).size(), 100'001U);
  EXPECT_FALSE(outcome("/proc/self/status").empty()) << "has no size and something to read";
}

TEST_F(RegularFileTest, RefusesAtOnceWhatIsNoRegularFile) {
  const std::string fifo = directory_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, directory_, std::string("/dev/zero"), std::string("/dev/null")})
    EXPECT_EQ(outcome(path), "file.kind: not a regular file") << path;
  EXPECT_EQ(outcome(directory_ + "/none"), "file.unreadable: No such file or directory");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(outcome(path_).rfind("file.unreadable: ", 0), 0U);
  ::close(fd);
}

}  // namespace
}  // namespace millrace
