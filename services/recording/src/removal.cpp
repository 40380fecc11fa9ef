#include "removal.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "file_io.hpp"
#include "recordings/file_names.hpp"
#include "recordings/private_mark.hpp"

namespace millrace::recording {
namespace {

class Remover {
 public:
  Remover(const std::string& directory, const StreamIds& streams, const StreamIds& in_use)
      : directory_(directory), streams_(streams), in_use_(in_use) {}

  Removal run() {
    std::vector<std::string> marks;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory_, error);
    if (error == std::errc::no_such_file_or_directory) return removal_;
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (const auto file = recordings::parse_file_name(name)) remove_file(name, *file);
      if (recordings::parse_private_mark(name)) marks.push_back(name);
    }
    if (error) failed({"recording.unwritable", "list the directory: " + error.message()});
    for (const std::string& mark : marks) remove_mark(mark, *recordings::parse_private_mark(mark));
    return removal_;
  }

 private:
  void remove_file(const std::string& name, const recordings::FileName& file) {
    if (!streams_.contains(file.stream_id)) return;
    using State = recordings::FileState;
    const bool written = file.state == State::kPart || file.state == State::kFinishing;
    if (written && in_use_.contains(file.stream_id)) {
      removal_.waits = true;
    } else if (unlink(name)) {
      ++removal_.files;
    }
  }

  void remove_mark(const std::string& name, const recordings::FileName& file) {
    if (!streams_.contains(file.stream_id) || in_use_.contains(file.stream_id)) return;
    constexpr std::array kSuffixes = {recordings::kFinishedSuffix, recordings::kPartSuffix,
                                      recordings::kFinishingSuffix, recordings::kDamagedSuffix};
    for (const std::string_view suffix : kSuffixes) {
      const std::string path = directory_ + "/" + file.stem + std::string(suffix);
      if (::access(path.c_str(), F_OK) == 0 || errno != ENOENT) return;
    }
    unlink(name);
  }

  bool unlink(const std::string& name) {
    if (::unlink((directory_ + "/" + name).c_str()) == 0) return true;
    if (errno != ENOENT) failed(file_error("unlink"));
    return false;
  }

  void failed(Error error) {
    removal_.waits = true;
    if (!removal_.error) removal_.error = std::move(error);
  }

  const std::string& directory_;
  const StreamIds& streams_;
  const StreamIds& in_use_;
  Removal removal_;
};

}  // namespace

Removal remove_recordings(const std::string& directory, const StreamIds& streams, const StreamIds& in_use) {
  return Remover(directory, streams, in_use).run();
}

}  // namespace millrace::recording
