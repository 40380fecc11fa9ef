// Regular files of one directory as response bodies. Names come from outside.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/wall_time.hpp"
#include "http/message.hpp"

namespace millrace::http {

struct OpenedFile {
  FileRegion region;  // the whole file
  std::string etag;   // strong, of device, inode, size and modification time
  WallTime modified_wall;
};

// Opens directory/name. name is one plain file name: with a slash, a leading dot or a control character it is
// refused
// ("http.file_name"). Symbolic links are not followed; what is not a regular file does not exist
// ("http.not_found"). "http.file_io" otherwise. Any thread; may block on the disk.
Result<OpenedFile> open_file(const std::string& directory, std::string_view name);

// 200 with Content-Type by the name's suffix, ETag, Last-Modified and the file as body.
Response file_response(OpenedFile file, std::string_view name);

// "video/mp4" for "x.mp4"; "application/octet-stream" when unknown.
std::string_view content_type_of(std::string_view name);

}  // namespace millrace::http
