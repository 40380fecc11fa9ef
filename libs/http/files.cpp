#include "http/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "http/errors.hpp"
#include "http/response_header.hpp"
#include "http/target.hpp"

namespace millrace::http {
namespace {

constexpr std::size_t kMaxNameLength = 255;

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength || name.front() == '.') return false;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7F && c != '/' && c != '\\';
  });
  return plain && is_valid_utf8(name);
}

std::string etag_of(const struct stat& status) {
  std::array<char, 96> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "\"%lx-%lx-%lx-%lx%08lx\"", static_cast<unsigned long>(status.st_dev),
      static_cast<unsigned long>(status.st_ino), static_cast<unsigned long>(status.st_size),
      static_cast<unsigned long>(status.st_mtim.tv_sec), static_cast<unsigned long>(status.st_mtim.tv_nsec));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

Result<OpenedFile> open_file(const std::string& directory, std::string_view name) {
  if (!is_plain_name(name)) return fail(http::errors::kFileName, "not a plain file name");
  const int parent = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0)
    return errno == ENOENT ? fail("http.not_found")
                           : fail(http::errors::kFileIo, "cannot open the directory");
  const FileHandle closes_parent(parent);
  // Not blocking: a name that is a pipe must not hang the caller.
  const int descriptor =
      ::openat(parent, std::string(name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    const bool absent = errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == ENAMETOOLONG;
    return absent ? fail("http.not_found") : fail(http::errors::kFileIo, "cannot open the file");
  }
  auto file = std::make_shared<const FileHandle>(descriptor);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return fail(http::errors::kFileIo, "cannot look at the file");
  if (!S_ISREG(status.st_mode)) return fail("http.not_found");
  OpenedFile out;
  out.region = {std::move(file), 0, static_cast<std::uint64_t>(status.st_size)};
  out.etag = etag_of(status);
  out.modified_wall = WallTime::from_seconds(status.st_mtim.tv_sec) + status.st_mtim.tv_nsec / 1'000;
  return out;
}

Response file_response(OpenedFile file, std::string_view name) {
  Response response;
  response.headers.add("Content-Type", content_type_of(name));
  response.headers.add("ETag", file.etag);
  response.headers.add("Last-Modified", imf_fixdate(file.modified_wall.seconds()));
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = std::move(file.region);
  return response;
}

std::string_view content_type_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kTypes = {{
      {".mp4", "video/mp4"},
      {".m4s", "video/iso.segment"},
      {".m3u8", "application/vnd.apple.mpegurl"},
      {".mpd", "application/dash+xml"},
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".yaml", "application/yaml"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".ico", "image/x-icon"},
      {".txt", "text/plain; charset=utf-8"},
  }};
  for (const auto& [suffix, type] : kTypes) {
    if (name.ends_with(suffix)) return type;
  }
  return "application/octet-stream";
}

}  // namespace millrace::http
