#include "vod_library.hpp"

#include <algorithm>
#include <limits>

#include "base/survive.hpp"
#include "containers/mp4/errors.hpp"
#include "errors.hpp"
#include "recordings.hpp"
#include "vod_mpd.hpp"
#include "vod_playlists.hpp"

namespace millrace::api {
namespace {

constexpr std::size_t kMemoryOfFailure = 256;

VodLibrary::Found read(const http::OpenedFile& file) {
  Result<std::vector<mp4::FinishedTrack>> tracks = mp4::read_finished_tracks(file_source(file));
  if (!tracks) return tl::unexpected(tracks.error());
  Result<VodPresentation> presentation = VodPresentation::create(std::move(*tracks));
  if (!presentation) return tl::unexpected(presentation.error());
  return std::make_shared<const VodItem>(std::move(*presentation));
}

// Of a failure that says nothing about the file the next one may try again.
bool is_lasting(const VodLibrary::Found& found) {
  return found || found.error().code.starts_with(mp4::errors::kFamily) ||
         found.error().code == api::errors::kVodSegments;
}

}  // namespace

VodItem::VodItem(VodPresentation made) : presentation(std::move(made)) {
  playlists.emplace("", http::code_text(multivariant_playlist(presentation)));
  for (const VodPresentation::Rendition& rendition : presentation.renditions()) {
    playlists.emplace(rendition.name,
                      http::code_text(media_playlist(presentation, rendition, presentation.all())));
  }
  mpd = http::code_text(vod_mpd(presentation, presentation.all()));
}

std::size_t VodItem::memory() const {
  std::size_t bytes = presentation.memory() + mpd->plain.size() + mpd->gzip.size();
  for (const auto& [name, text] : playlists)
    bytes += text->plain.size() + text->gzip.size() + kMemoryOfFailure;
  return bytes;
}

VodLibrary::VodLibrary(std::size_t most_memory) : most_memory_(most_memory), thread_([this] { run(); }) {}

VodLibrary::~VodLibrary() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void VodLibrary::find(const std::string& name, const http::OpenedFile& file, Answer answer) {
  std::unique_lock lock(mutex_);
  if (const auto known = known_.find(name); known != known_.end() && known->second.etag == file.etag) {
    oldest_first_.splice(oldest_first_.end(), oldest_first_, known->second.place);
    const Found found = known->second.found;
    lock.unlock();
    return answer(found);
  }
  const auto asked = std::find_if(queue_.begin(), queue_.end(), [&](const auto& job) {
    return job->name == name && job->file.etag == file.etag;
  });
  const bool has_room =
      asked == queue_.end() ? queue_.size() < kMostQueued : (*asked)->answers.size() < kMostWaiting;
  if (!has_room || stopping_) {
    lock.unlock();
    return answer(fail(api::errors::kVodBusy, "too many recordings are being opened"));
  }
  if (asked != queue_.end()) return (*asked)->answers.push_back(std::move(answer));
  auto job = std::make_shared<Job>(Job{name, file, {}});
  job->answers.push_back(std::move(answer));
  queue_.push_back(std::move(job));
  wake_.notify_one();
}

void VodLibrary::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Job> job = queue_.front();
    lock.unlock();
    Found found = fail(api::errors::kVodBusy, "no memory");  // so short that it needs none
    (void)survives("vod library", [&] { found = read(job->file); });
    lock.lock();
    (void)survives("vod library", [&] { remember(*job, found); });
    queue_.pop_front();
    lock.unlock();
    for (const Answer& answer : job->answers) (void)survives("vod library", [&] { answer(found); });
    lock.lock();
  }
}

void VodLibrary::remember(const Job& job, const Found& found) {
  forget(job.name);
  if (!is_lasting(found)) return;
  const std::size_t bytes = found ? (*found)->memory() : kMemoryOfFailure;
  // Whatever there is no memory for leaves nothing behind: the place is in the list once all else is done.
  std::list<std::string> place{job.name};
  known_.emplace(job.name, Known{job.file.etag, found, bytes, place.begin()});
  oldest_first_.splice(oldest_first_.end(), place);
  memory_ += bytes;
  while (memory_ > most_memory_ && oldest_first_.size() > 1) forget_oldest();
}

void VodLibrary::forget(const std::string& name) {
  const auto known = known_.find(name);
  if (known == known_.end()) return;
  memory_ -= known->second.memory;
  oldest_first_.erase(known->second.place);
  known_.erase(known);
}

// Allocates nothing, and makes the list shorter whatever is in it.
void VodLibrary::forget_oldest() {
  const auto known = known_.find(oldest_first_.front());
  if (known != known_.end()) {
    memory_ -= known->second.memory;
    known_.erase(known);
  }
  oldest_first_.pop_front();
}

std::size_t VodLibrary::memory() const {
  const std::lock_guard lock(mutex_);
  return memory_;
}

}  // namespace millrace::api
