#include "recordings/private_mark.hpp"

#include <unistd.h>

#include "recordings/file_names.hpp"

namespace millrace::recordings {

std::string private_mark(std::string_view stem) {
  return "." + std::string(stem) + ".private";
}

bool is_marked_private(const std::string& directory, std::string_view name) {
  if (!name.ends_with(kFinishedSuffix) || name.find('/') != std::string_view::npos) return false;
  name.remove_suffix(kFinishedSuffix.size());
  return ::access((directory + "/" + private_mark(name)).c_str(), F_OK) == 0;
}

}  // namespace millrace::recordings
