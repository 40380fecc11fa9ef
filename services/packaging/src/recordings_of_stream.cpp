#include "recordings_of_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "http/message.hpp"

namespace millrace::packaging {
namespace {

std::string path_of(const std::string& directory, const recordings::FileName& name) {
  const bool finished = name.state == recordings::FileState::kFinished;
  return directory + '/' + name.stem +
         std::string(finished ? recordings::kFinishedSuffix : recordings::kPartSuffix);
}

Result<void> read_at(int descriptor, std::uint64_t offset, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t count = ::pread(descriptor, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("packaging.read", std::generic_category().message(errno));
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

mp4::FileSource source_of(int descriptor, std::uint64_t size) {
  return {size, [descriptor](std::uint64_t offset, std::span<std::uint8_t> into) {
            return read_at(descriptor, offset, into);
          }};
}

}  // namespace

RecordedSegmentPtr newest_of(const Recorded& recorded) {
  if (!recorded.rest.empty()) return recorded.rest.back();
  return recorded.segments.empty() ? nullptr : recorded.segments.back();
}

bool is_private(const Recorded& recorded) {
  const RecordedSegmentPtr newest = newest_of(recorded);
  return newest && newest->log.is_private;
}

bool is_there(const RecordedShare& share) {
  struct stat status {};
  return ::fstat(share.file->descriptor(), &status) == 0 && status.st_nlink > 0;
}

Result<media::RecordedPiece> read_piece(const RecordedShare& share) {
  Bytes payload(share.place.box_bytes);
  if (auto read = read_at(share.file->descriptor(), share.place.box, payload); !read)
    return tl::unexpected(read.error());
  auto piece = media::read_recorded_piece(payload);
  if (!piece) return fail("packaging.recorded", "the recording has changed");
  return std::move(*piece);
}

std::shared_ptr<const Recorded> RecordingsOfStream::read(const std::vector<recordings::FileName>& names) {
  std::vector<File> now = opened(names);
  const bool others = !goes_on(now);
  Reading fresh(window_us_);
  Reading& reading = others ? fresh : reading_;
  bool news = others;
  // What stands before the newest has nothing new, else it is read anew.
  if (!reading.files.empty()) news = follow(reading.files.back(), reading.segments);
  for (std::size_t i = reading.files.size(); i < now.size(); ++i) {
    reading.files.push_back(std::move(now[i]));
    news = follow(reading.files.back(), reading.segments) || news;
  }
  if (others) reading_ = std::move(fresh);
  if (news) renew();
  return recorded_;
}

// Those that say something of the log, in its order.
std::vector<RecordingsOfStream::File> RecordingsOfStream::opened(
    const std::vector<recordings::FileName>& names) {
  std::vector<File> files;
  std::vector<Silent> silent;
  for (const recordings::FileName& name : names) {
    std::optional<File> file = open(name);
    if (!file) continue;
    if (!file->begin) silent.push_back({file->identity, file->size});
    if (file->begin) files.push_back(std::move(*file));
  }
  silent_ = std::move(silent);
  std::stable_sort(files.begin(), files.end(),
                   [](const File& a, const File& b) { return *a.begin < *b.begin; });
  return files;
}

// The files that were read are there as they were, and others only behind them.
bool RecordingsOfStream::goes_on(const std::vector<File>& now) const {
  const std::vector<File>& files = reading_.files;
  if (files.size() > now.size()) return false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool same = files[i].stem == now[i].stem && files[i].state == now[i].state &&
                      files[i].identity == now[i].identity && files[i].size <= now[i].size;
    const bool newest = i + 1 == files.size();
    if (!same || (!newest && files[i].size != now[i].size)) return false;
  }
  return true;
}

std::optional<RecordingsOfStream::File> RecordingsOfStream::open(const recordings::FileName& name) const {
  const std::string path = path_of(directory_, name);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  for (const File& known : reading_.files) {
    if (known.stem != name.stem || known.state != name.state ||
        known.identity != Identity{status.st_dev, status.st_ino})
      continue;
    File same = known;
    same.size = static_cast<std::uint64_t>(status.st_size);
    same.walk = {};
    return same;
  }
  const Silent known{Identity{status.st_dev, status.st_ino}, static_cast<std::uint64_t>(status.st_size)};
  if (std::find(silent_.begin(), silent_.end(), known) != silent_.end())
    return File{name.stem, name.state, known.identity, nullptr, known.size};
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  auto handle = std::make_shared<const http::FileHandle>(descriptor);
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  File file{name.stem, name.state, Identity{status.st_dev, status.st_ino}, std::move(handle),
            static_cast<std::uint64_t>(status.st_size)};
  const auto first = RecordedFile::first(source_of(descriptor, file.size));
  if (!first) return std::nullopt;
  if (*first) {
    const media::SampleRecord& record = (*first)->samples.front().record;
    file.begin = Place{record.media_sequence, record.sequence};
  }
  return file;
}

// True where there was something new.
bool RecordingsOfStream::follow(File& file, RecordedSegments& segments) {
  const int descriptor = file.handle->descriptor();
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return false;
  file.size = static_cast<std::uint64_t>(status.st_size);
  bool news = false;
  // Goes on there the next time, whatever has failed.
  (void)file.walk.follow(source_of(descriptor, file.size),
                         [&](const RecordedPlace& place, media::RecordedPiece&& piece) {
                           segments.add(piece, {file.handle, place});
                           news = true;
                         });
  return news;
}

void RecordingsOfStream::renew() {
  auto recorded = std::make_shared<Recorded>();
  recorded->segments.assign(reading_.segments.segments().begin(), reading_.segments.segments().end());
  recorded->rest = reading_.segments.rest();
  recorded->goes_on = !reading_.files.empty() && reading_.files.back().state == recordings::FileState::kPart;
  recorded->files = reading_.files.size();
  recorded->version = recorded_->version + 1;
  recorded_ = std::move(recorded);
}

}  // namespace millrace::packaging
