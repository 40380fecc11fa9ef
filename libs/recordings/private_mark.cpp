#include "recordings/private_mark.hpp"

#include <unistd.h>

#include "recordings/file_names.hpp"

namespace millrace::recordings {

namespace {

constexpr std::string_view kBegin = ".";
constexpr std::string_view kEnd = ".private";

}  // namespace

std::string private_mark(std::string_view stem) {
  return std::string(kBegin) + std::string(stem) + std::string(kEnd);
}

std::optional<FileName> parse_private_mark(std::string_view name) {
  if (name.size() < kBegin.size() + kEnd.size() || !name.starts_with(kBegin) || !name.ends_with(kEnd))
    return std::nullopt;
  name.remove_prefix(kBegin.size());
  name.remove_suffix(kEnd.size());
  return parse_finished_name(std::string(name) + std::string(kFinishedSuffix));
}

bool is_marked_private(const std::string& directory, std::string_view name) {
  if (!name.ends_with(kFinishedSuffix) || name.find('/') != std::string_view::npos) return false;
  name.remove_suffix(kFinishedSuffix.size());
  return ::access((directory + "/" + private_mark(name)).c_str(), F_OK) == 0;
}

}  // namespace millrace::recordings
