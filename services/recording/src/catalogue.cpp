#include "catalogue.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "recordings/file_names.hpp"

namespace millrace::recording {
namespace {

// Names of recordings in the directory; none when there is no directory yet.
Result<std::vector<recordings::FileName>> list_files(const std::string& directory) {
  std::vector<recordings::FileName> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (auto name = recordings::parse_file_name(entry->path().filename().string()))
      names.push_back(std::move(*name));
  }
  if (error) return fail("recording.unwritable", "list the directory: " + error.message());
  return names;
}

std::vector<Journal> read_finished_journals(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return {};
  const auto size = file_size(fd->get());
  if (!size) return {};
  return read_last_journals(*size, [&](std::uint64_t offset, std::span<std::uint8_t> into) {
    return read_at(fd->get(), offset, into).has_value();
  });
}

// What the journals say of the publication is recorded.
void count_recorded(PublicationFiles& files, const std::vector<Journal>& journals,
                    PublicationId publication_id) {
  for (const Journal& journal : journals) {
    if (journal.publication_id != publication_id) continue;
    files.next_sequence = std::max(files.next_sequence, journal.next_sequence);
  }
}

// The part with the newest samples goes on, the others are complete.
void add_part(PublicationFiles& files, FoundPart part) {
  const std::uint64_t next = part.content.resume.journal.next_sequence;
  if (!files.unfinished) {
    files.unfinished = std::move(part);
    return;
  }
  if (files.unfinished->content.resume.journal.next_sequence < next) std::swap(*files.unfinished, part);
  files.complete.push_back(std::move(part.stem));
}

}  // namespace

Result<PublicationFiles> find_publication(const std::string& directory, const std::string& stream_id,
                                          PublicationId publication_id) {
  const auto names = list_files(directory);
  if (!names) return tl::unexpected(names.error());
  PublicationFiles files;
  for (const recordings::FileName& name : *names) {
    const std::string base = directory + "/" + name.stem;
    if (name.stream_id != stream_id) continue;
    if (name.state == recordings::FileState::kFinished) {
      count_recorded(files, read_finished_journals(base + std::string(recordings::kFinishedSuffix)),
                     publication_id);
    }
    if (name.state == recordings::FileState::kPart) {
      auto content = read_part(base + std::string(recordings::kPartSuffix));
      if (!content) return tl::unexpected(content.error());
      if (!*content) continue;
      if ((*content)->resume.journal.publication_id == publication_id) {
        add_part(files, {name.stem, std::move(**content)});
      } else {  // it went on as another one
        count_recorded(files, (*content)->journals, publication_id);
      }
    }
  }
  if (!files.unfinished) return files;
  const std::uint64_t next = files.unfinished->content.resume.journal.next_sequence;
  if (next > files.next_sequence) {
    files.next_sequence = next;
  } else {
    files.complete.push_back(files.unfinished->stem);
    files.unfinished.reset();
  }
  return files;
}

Result<std::vector<PartOwner>> find_parts(const std::string& directory) {
  const auto names = list_files(directory);
  if (!names) return tl::unexpected(names.error());
  std::vector<PartOwner> parts;
  for (const recordings::FileName& name : *names) {
    if (name.state != recordings::FileState::kPart) continue;
    const auto content = read_part(directory + "/" + name.stem + std::string(recordings::kPartSuffix));
    if (!content) continue;  // finished in this moment, or not readable: tried again next time
    parts.push_back(
        {name.stem, name.stream_id, *content ? (*content)->resume.journal.publication_id : kNoPublication});
  }
  return parts;
}

void remove_unfinished_copies(const std::string& directory) {
  const auto names = list_files(directory);
  if (!names) return;
  for (const recordings::FileName& name : *names) {
    if (name.state == recordings::FileState::kFinishing)
      ::unlink((directory + "/" + name.stem + std::string(recordings::kFinishingSuffix)).c_str());
  }
}

}  // namespace millrace::recording
