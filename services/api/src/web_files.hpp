// The web pages and scripts, read whole at start. Immutable afterwards; any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace millrace::api {

class WebFiles {
 public:
  // Regular files of the directory, up to 16 MiB together. A directory that is not there has none.
  explicit WebFiles(const std::string& directory);

  bool contains(std::string_view name) const { return files_.contains(name); }
  // 200 with type, ETag and Cache-Control, or 404.
  http::Response response(std::string_view name) const;

 private:
  struct File {
    std::shared_ptr<const std::string> content;
    std::string etag;
  };
  std::map<std::string, File, std::less<>> files_;
};

}  // namespace millrace::api
