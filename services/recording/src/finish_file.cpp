#include "finish_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "containers/mp4/errors.hpp"
#include "containers/mp4/finish.hpp"
#include "errors.hpp"
#include "file_io.hpp"
#include "media/recorded_log.hpp"
#include "part_file.hpp"
#include "recordings/file_names.hpp"

namespace millrace::recording {
namespace {

struct Paths {
  std::string part, temporary, finished;
};

// What the part says of the log, box by box, from size on.
Result<void> copy_recorded(const mp4::FileSource& source, const mp4::FileSink& sink, std::uint64_t& size) {
  mp4::FragmentedFileReader reader(source);
  while (true) {
    const auto part = reader.next();
    if (!part) return tl::unexpected(part.error());
    if (!*part) return {};
    const auto* const box = std::get_if<mp4::FragmentedFileReader::OwnBox>(&**part);
    if (box == nullptr || box->type != mp4::four_cc("uuid") || !media::is_recorded_piece(box->payload))
      continue;
    ByteWriter whole(mp4::kBoxHeader + box->payload.size());
    whole.u32(static_cast<std::uint32_t>(mp4::kBoxHeader + box->payload.size()));
    whole.text("uuid");
    whole.append(box->payload);
    if (auto written = sink.write(size, whole.view()); !written) return written;
    size += whole.size();
  }
}

// Up to the last journal: what is behind it the journal does not count, and would be recorded again from the
// log.
Result<mp4::Finished> write_finished(const Paths& paths, const PartContent& content,
                                     const std::atomic<bool>& stop) {
  const auto input = open_file(paths.part, O_RDONLY);
  if (!input) return tl::unexpected(input.error());
  auto source = file_source(input->get());
  if (!source) return tl::unexpected(source.error());
  source->size = content.end;
  const auto output = open_file(paths.temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!output) return tl::unexpected(output.error());
  const mp4::FileSink sink{[&](std::uint64_t size) {
                             return reserve(output->get(), size + content.recorded_bytes +
                                                               content.journals.size() * kJournalBoxBytes);
                           },
                           [&](std::uint64_t offset, ByteView bytes) -> Result<void> {
                             if (stop) return fail("recording.stopping", "the service stops");
                             return write_at(output->get(), offset, bytes);
                           }};
  auto finished = mp4::finish(*source, sink, content.lead_ins);
  if (!finished) return finished;
  if (auto copied = copy_recorded(*source, sink, finished->size); !copied)
    return tl::unexpected(copied.error());
  for (const Journal& journal : content.journals) {
    if (auto written = sink.write(finished->size, write_journal(journal)); !written)
      return tl::unexpected(written.error());
    finished->size += kJournalBoxBytes;
  }
  if (::fsync(output->get()) != 0) return tl::unexpected(file_error("sync"));
  return finished;
}

Result<void> remove_part(const Paths& paths, const std::string& directory) {
  if (::unlink(paths.part.c_str()) != 0 && errno != ENOENT)
    return tl::unexpected(file_error("remove the part"));
  return sync_directory(directory);
}

Result<FinishedFile> publish(const Paths& paths, const std::string& directory, const Journal& journal,
                             const mp4::Finished& finished) {
  if (::rename(paths.temporary.c_str(), paths.finished.c_str()) != 0)
    return tl::unexpected(file_error("rename"));
  if (auto synced = sync_directory(directory); !synced) return tl::unexpected(synced.error());
  if (auto removed = remove_part(paths, directory); !removed) return tl::unexpected(removed.error());
  return FinishedFile{journal.publication_id, finished.size, finished.duration_us, finished.samples, false};
}

// No later attempt would do better: the file keeps what it holds, under a name that nobody looks for.
Result<void> put_aside(const Paths& paths, const std::string& base, const std::string& directory) {
  if (::rename(paths.part.c_str(), (base + std::string(recordings::kDamagedSuffix)).c_str()) != 0)
    return tl::unexpected(file_error("put aside"));
  return sync_directory(directory);
}

}  // namespace

Result<FinishedFile> finish_file(const std::string& directory, const std::string& stem,
                                 const std::atomic<bool>& stop) {
  const std::string base = directory + "/" + stem;
  const Paths paths{base + std::string(recordings::kPartSuffix),
                    base + std::string(recordings::kFinishingSuffix),
                    base + std::string(recordings::kFinishedSuffix)};
  // Finished before, or deleted by somebody: there is nothing to do.
  if (::access(paths.part.c_str(), F_OK) != 0 && errno == ENOENT) return FinishedFile{.empty = true};
  const auto content = read_part(paths.part);
  if (!content) return tl::unexpected(content.error());
  const PartContent whole = content->value_or(PartContent{});
  const auto finished = write_finished(paths, whole, stop);
  if (finished) return publish(paths, directory, whole.resume.journal, *finished);
  ::unlink(paths.temporary.c_str());
  if (finished.error().code != mp4::errors::kEmpty) {
    if (finished.error().code.starts_with(mp4::errors::kFamily) &&
        finished.error().code != mp4::errors::kChanged) {
      if (auto aside = put_aside(paths, base, directory); !aside) return tl::unexpected(aside.error());
      return fail(recording::errors::kDamaged, finished.error().message + "; the file is " + stem +
                                                   std::string(recordings::kDamagedSuffix) + " now");
    }
    return tl::unexpected(finished.error());
  }
  if (auto removed = remove_part(paths, directory); !removed) return tl::unexpected(removed.error());
  return FinishedFile{.empty = true};
}

}  // namespace millrace::recording
