#include "recordings_of_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

}  // namespace

Result<media::RecordedPiece> read_piece(const RecordedShare& share) {
  Bytes payload(share.place.box_bytes);
  if (auto read = read_at(share.file->descriptor(), share.place.box, payload); !read)
    return tl::unexpected(read.error());
  auto piece = media::read_recorded_piece(payload);
  if (!piece) return fail("packaging.recorded", "the recording has changed");
  return std::move(*piece);
}

std::shared_ptr<const Recorded> RecordingsOfStream::read(const std::vector<recordings::FileName>& names) {
  const bool anew = !goes_on(names);
  Reading fresh(window_us_);
  Reading& reading = anew ? fresh : reading_;
  bool news = anew;
  // What stands before the newest has nothing new: recording has ended it.
  if (!reading.files.empty()) news = follow(reading.files.back(), reading.segments);
  for (std::size_t i = reading.files.size(); i < names.size(); ++i) {
    std::optional<File> file = open(names[i]);
    if (!file) return recorded_;
    reading.files.push_back(std::move(*file));
    news = follow(reading.files.back(), reading.segments) || news;
  }
  if (anew) reading_ = std::move(fresh);
  if (news) renew();
  return recorded_;
}

// The files that were read are there as they were, and others only behind them.
bool RecordingsOfStream::goes_on(const std::vector<recordings::FileName>& names) const {
  const std::vector<File>& files = reading_.files;
  if (files.size() > names.size()) return false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].stem != names[i].stem || files[i].state != names[i].state) return false;
  }
  return true;
}

std::optional<RecordingsOfStream::File> RecordingsOfStream::open(const recordings::FileName& name) const {
  const int descriptor =
      ::open(path_of(directory_, name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  auto handle = std::make_shared<const http::FileHandle>(descriptor);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return File{name.stem, name.state, std::move(handle)};
}

// True where there was something new.
bool RecordingsOfStream::follow(File& file, RecordedSegments& segments) {
  const int descriptor = file.handle->descriptor();
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return false;
  const mp4::FileSource source{static_cast<std::uint64_t>(status.st_size),
                               [descriptor](std::uint64_t offset, std::span<std::uint8_t> into) {
                                 return read_at(descriptor, offset, into);
                               }};
  bool news = false;
  // Goes on there the next time, whatever has failed.
  (void)file.walk.follow(source, [&](const RecordedPlace& place, media::RecordedPiece&& piece) {
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
  recorded->version = recorded_->version + 1;
  recorded_ = std::move(recorded);
}

}  // namespace millrace::packaging
