#include "part_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "errors.hpp"
#include "recordings/file_names.hpp"

namespace millrace::recording {

namespace {

bool is_recorded_piece(const mp4::FragmentedFileReader::OwnBox& box) {
  return box.type == mp4::four_cc("uuid") && media::is_recorded_piece(box.payload);
}

void add_fragment(ResumePoint& point, const mp4::FragmentHeader& fragment) {
  ++point.fragments;
  for (const mp4::TrackRun& run : fragment.runs) {
    auto dts = static_cast<std::int64_t>(run.base_decode_time);
    for (const mp4::FragmentSample& sample : run.samples) {
      point.ends[run.track_id].add(dts, sample.composition_offset, sample.duration);
      dts += sample.duration;
    }
  }
}

// The first decode time, in microseconds.
std::optional<std::int64_t> begin_of(const mp4::FragmentHeader& fragment,
                                     const std::vector<mp4::Track>& tracks) {
  constexpr std::int64_t kMicroseconds = 1'000'000;
  std::optional<std::int64_t> begin;
  for (const mp4::TrackRun& run : fragment.runs) {
    for (const mp4::Track& track : tracks) {
      if (track.id != run.track_id) continue;
      const auto dts = static_cast<std::int64_t>(run.base_decode_time);
      const std::int64_t scale = track.timescale;
      const std::int64_t time_us = dts / scale * kMicroseconds + dts % scale * kMicroseconds / scale;
      begin = begin ? std::min(*begin, time_us) : time_us;
    }
  }
  return begin;
}

// A fragment of pictures that are there to be decoded only: the journal behind it says what the one before
// said.
bool is_lead_in(const Journal& before, const Journal& journal) {
  return journal.publication_id == before.publication_id && journal.next_sequence == before.next_sequence;
}

void add_lead_in(mp4::LeadIns& lead_ins, const mp4::FragmentHeader& fragment) {
  for (const mp4::TrackRun& run : fragment.runs) lead_ins[run.track_id] += run.samples.size();
}

void add_journal(std::vector<Journal>& journals, const Journal& journal) {
  if (!journals.empty() && journals.back().publication_id == journal.publication_id) {
    journals.back() = journal;
  } else if (journals.size() < kMaxPublications) {
    journals.push_back(journal);
  }
}

}  // namespace

Result<std::optional<PartContent>> read_part(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return tl::unexpected(fd.error());
  auto source = file_source(fd->get());
  if (!source) return tl::unexpected(source.error());
  mp4::FragmentedFileReader reader(std::move(*source));
  std::optional<PartContent> content;
  ResumePoint point;
  std::vector<Journal> journals;
  mp4::LeadIns lead_ins;
  std::optional<mp4::FragmentHeader> last;  // fragment, with no journal behind it yet
  std::uint64_t payload_bytes = 0;
  std::uint64_t recorded_bytes = 0;
  while (true) {
    auto part = reader.next();
    if (!part) return tl::unexpected(part.error());
    if (!*part) return content;
    if (auto* movie = std::get_if<mp4::FragmentedFileReader::Movie>(&**part))
      point.tracks = std::move(movie->tracks);
    if (auto* fragment = std::get_if<mp4::FragmentedFileReader::Fragment>(&**part)) {
      add_fragment(point, fragment->header);
      payload_bytes += fragment->header.payload_size;
      last = std::move(fragment->header);
    }
    if (const auto* box = std::get_if<mp4::FragmentedFileReader::OwnBox>(&**part)) {
      if (is_recorded_piece(*box)) recorded_bytes += mp4::kBoxHeader + box->payload.size();
      const auto journal = read_journal(*box);
      if (!journal) continue;
      if (last && is_lead_in(point.journal, *journal)) {
        add_lead_in(lead_ins, *last);
      } else if (last && !point.begin_us) {
        point.begin_us = begin_of(*last, point.tracks);
      }
      last.reset();
      point.journal = *journal;
      add_journal(journals, *journal);
      point.publications = journals.size();
      point.bytes = reader.position();
      content = PartContent{point, journals, reader.position(), payload_bytes, recorded_bytes, lead_ins};
    }
  }
}

Result<PartFile> PartFile::create(const std::string& directory, const std::string& stream_id,
                                  WallTime started_wall) {
  constexpr int kNames = 1000;
  if (auto made = make_directory(directory); !made) return tl::unexpected(made.error());
  for (std::int64_t i = 0; i < kNames; ++i) {
    const std::string stem = recordings::file_stem(stream_id, started_wall + i * 1000);
    std::string path = directory;
    path.append("/").append(stem);
    if (::access((path + std::string(recordings::kFinishedSuffix)).c_str(), F_OK) == 0) continue;
    auto fd = open_file(path + std::string(recordings::kPartSuffix), O_RDWR | O_CREAT | O_EXCL);
    if (fd) return PartFile(std::move(*fd), stem, 0);
    if (fd.error().code != recording::errors::kExists) return tl::unexpected(fd.error());
  }
  return fail(recording::errors::kExists, "no free file name");
}

Result<PartFile> PartFile::resume(const std::string& directory, const std::string& stem,
                                  const PartContent& content) {
  auto fd = open_file(directory + "/" + stem + std::string(recordings::kPartSuffix), O_RDWR);
  if (!fd) return tl::unexpected(fd.error());
  if (::ftruncate(fd->get(), static_cast<off_t>(content.end)) != 0)
    return tl::unexpected(file_error("truncate"));
  PartFile file(std::move(*fd), stem, content.end);
  file.payload_bytes_ = content.payload_bytes;
  return file;
}

Result<void> PartFile::append(const Append& append, media::RecordedPiece piece) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return tl::unexpected(file_error("stat"));
  if (status.st_nlink == 0)
    return fail(recording::errors::kGone, "the file was deleted while it was written");
  std::vector<const Bytes*> pieces;
  std::uint64_t bytes = 0;
  piece.bytes_before = payload_bytes_;
  const Bytes recorded = piece.samples.empty() ? Bytes{} : media::write_recorded_piece(piece);
  const Bytes begin = write_journal(append.before);
  if (size_ == 0 || append.init_changed) pieces.push_back(&append.init);
  if (size_ == 0) pieces.push_back(&begin);
  for (const Bytes& next : append.pieces) pieces.push_back(&next);
  pieces.insert(pieces.end() - 1, &recorded);  // the journal says that all before it is whole
  for (const Bytes* const next : pieces) bytes += next->size();
  if (auto written = write_at(fd_.get(), size_, pieces); !written) {
    // What cannot be cut off is torn, and is cut off by the next append or the next start.
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) return tl::unexpected(file_error("truncate"));
    return written;
  }
  size_ += bytes;
  for (const Bytes& next : append.pieces) payload_bytes_ += next.size();
  payload_bytes_ -= append.pieces.front().size() + append.pieces.back().size();
  return {};
}

Result<void> PartFile::sync(std::int64_t monotonic_us, bool now) {
  if (synced_size_ == size_ || (!now && monotonic_us - synced_us_ < kSyncEveryUs)) return {};
  if (::fdatasync(fd_.get()) != 0) return tl::unexpected(file_error("sync"));
  synced_size_ = size_;
  synced_us_ = monotonic_us;
  return {};
}

}  // namespace millrace::recording
