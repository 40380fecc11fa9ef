#include "http/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace millrace::http {
namespace {

namespace fs = std::filesystem;

class OpenFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "/millrace_files_XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    fs::create_directory(root_ / "vod");
    write(root_ / "secret.mp4", "secret");
    write(root_ / "vod" / "a.mp4", "content");
    write(root_ / "vod" / ".hidden.mp4", "hidden");
    fs::create_directory(root_ / "vod" / "directory.mp4");
    fs::create_symlink(root_ / "secret.mp4", root_ / "vod" / "link.mp4");
    ::mkfifo((root_ / "vod" / "pipe.mp4").c_str(), 0600);
  }
  void TearDown() override { fs::remove_all(root_); }
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }
  std::string code_for(std::string_view name) const {
    const Result<OpenedFile> file = open_file(root_ / "vod", name);
    return file ? "" : std::string(file.error().code);
  }

  fs::path root_;
};

TEST_F(OpenFile, OpensRegularFilesOfTheDirectoryOnly) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a.mp4", ""},
      {"none.mp4", "http.not_found"},
      {"link.mp4", "http.not_found"},
      {"directory.mp4", "http.not_found"},
      {"pipe.mp4", "http.not_found"},
      {"", "http.file_name"},
      {".", "http.file_name"},
      {"..", "http.file_name"},
      {".hidden.mp4", "http.file_name"},
      {"../secret.mp4", "http.file_name"},
      {"directory.mp4/x", "http.file_name"},
      {"a\\b", "http.file_name"},
      {std::string_view("a.mp4\0x", 7), "http.file_name"},
      {"a\n", "http.file_name"},
      {"\xFF.mp4", "http.file_name"},
  };
  for (const auto& [name, code] : cases) EXPECT_EQ(code_for(name), code) << name;
  EXPECT_EQ(code_for(std::string(300, 'a')), "http.file_name");
  EXPECT_EQ(open_file(root_ / "absent", "a.mp4").error().code, "http.not_found");
}

TEST_F(OpenFile, ChangesTheTagWithTheContent) {
  const Result<OpenedFile> first = open_file(root_ / "vod", "a.mp4");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->region.size, 7U);
  write(root_ / "vod" / "a.mp4", "longer content");
  EXPECT_NE(open_file(root_ / "vod", "a.mp4")->etag, first->etag);
  const Response response = file_response(*first, "a.mp4");
  EXPECT_EQ(response.headers.find("Content-Type"), "video/mp4");
  EXPECT_EQ(body_size(response.body), 7U);
}

}  // namespace
}  // namespace millrace::http
