#include "containers/mp4/finished_track.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "containers/mp4/box_reader.hpp"
#include "containers/mp4/errors.hpp"
#include "containers/mp4/movie.hpp"
#include "containers/mp4/sample_description.hpp"

namespace millrace::mp4 {
namespace {

constexpr std::uint64_t kMaxSampleBytes = 256ULL << 20;
// What an edit list may leave out: the first composition offset, a sound's priming.
constexpr std::size_t kMaxTopBoxes = 1024;  // before the movie box

// The index of the last entry whose first sample is not behind the given one. Precondition: entries begin
// with sample 0.
template <class Runs>
std::size_t run_of(const Runs& runs, std::uint32_t sample) {
  const auto behind =
      std::upper_bound(runs.begin(), runs.end(), sample,
                       [](std::uint32_t value, const auto& run) { return value < run.first; });
  return static_cast<std::size_t>(behind - runs.begin()) - 1;
}

// The number of entries of a table, which has room for no more than that many of entry_bytes.
std::optional<std::uint32_t> entries_of(ByteReader& reader, std::size_t entry_bytes) {
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || reader.remaining() / entry_bytes < count) return std::nullopt;
  return count;
}

}  // namespace

bool FinishedTrack::read_sizes(ByteView stsz) {
  ByteReader reader(stsz);
  reader.skip(4);
  uniform_size_ = reader.u32();
  samples_ = reader.u32();
  if (!reader.ok() || samples_ == 0 || samples_ > kMaxSamples || uniform_size_ > kMaxSampleBytes)
    return false;
  if (uniform_size_ != 0) return true;
  if (reader.remaining() / 4 < samples_) return false;
  sizes_.reserve(samples_);
  for (std::uint32_t i = 0; i < samples_; ++i) {
    sizes_.push_back(reader.u32());
    if (sizes_.back() > kMaxSampleBytes) return false;
  }
  return true;
}

bool FinishedTrack::read_times(ByteView stts) {
  ByteReader reader(stts);
  reader.skip(4);
  const auto count = entries_of(reader, 8);
  if (!count) return false;
  std::uint64_t first = 0;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::uint32_t of_run = reader.u32(), delta = reader.u32();
    if (of_run == 0) continue;
    if (of_run > samples_ - first) return false;
    times_.push_back({static_cast<std::uint32_t>(first), delta, duration_});
    first += of_run;
    duration_ += static_cast<std::int64_t>(of_run) * delta;
    if (duration_ > kMaxDecodeTime) return false;
  }
  return first == samples_ && duration_ > 0;
}

bool FinishedTrack::read_offsets(ByteView ctts) {
  ByteReader reader(ctts);
  reader.skip(4);
  const auto count = entries_of(reader, 8);
  if (!count) return false;
  std::uint64_t first = 0;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::uint32_t of_run = reader.u32();
    // Version 0 has unsigned ones; those beyond 31 bits are negative ones that somebody wrote there.
    const auto offset = static_cast<std::int32_t>(reader.u32());
    if (of_run == 0) continue;
    if (of_run > samples_ - first) return false;
    offsets_.push_back({static_cast<std::uint32_t>(first), offset});
    first += of_run;
  }
  return first == samples_;
}

bool FinishedTrack::read_keys(ByteView stss) {
  ByteReader reader(stss);
  reader.skip(4);
  const auto count = entries_of(reader, 4);
  if (!count || *count > samples_) return false;
  all_keys_ = false;
  keys_.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::uint32_t number = reader.u32();
    if (number == 0 || number > samples_ || (!keys_.empty() && number - 1 <= keys_.back())) return false;
    keys_.push_back(number - 1);
  }
  return true;
}

bool FinishedTrack::read_chunks(ByteView stsc, ByteView offsets, bool large) {
  ByteReader runs(stsc), places(offsets);
  runs.skip(4);
  places.skip(4);
  const auto run_count = entries_of(runs, 12), chunk_count = entries_of(places, large ? 8 : 4);
  if (!run_count || !chunk_count || *run_count == 0) return false;
  std::uint64_t first = 0;
  std::uint32_t next_first_chunk = runs.u32();
  if (next_first_chunk != 1) return false;
  for (std::uint32_t run = 0; run < *run_count; ++run) {
    const std::uint32_t first_chunk = next_first_chunk, of_chunk = runs.u32();
    runs.skip(4);  // its description
    const bool last = run + 1 == *run_count;
    next_first_chunk = last ? *chunk_count + 1 : runs.u32();
    if (next_first_chunk <= first_chunk || next_first_chunk - 1 > *chunk_count || of_chunk == 0) return false;
    for (std::uint32_t chunk = first_chunk; chunk < next_first_chunk; ++chunk) {
      if (first >= samples_) return false;
      chunks_.push_back({static_cast<std::uint32_t>(first), large ? places.u64() : places.u32()});
      first += of_chunk;
    }
  }
  return first == samples_;
}

std::uint32_t FinishedTrack::chunk_end(std::size_t chunk) const {
  return chunk + 1 < chunks_.size() ? chunks_[chunk + 1].first : samples_;
}

std::uint64_t FinishedTrack::sum_of_sizes(std::uint32_t first, std::uint32_t end) const {
  if (sizes_.empty()) return static_cast<std::uint64_t>(uniform_size_) * (end - first);
  std::uint64_t bytes = 0;
  for (std::uint32_t sample = first; sample < end; ++sample) bytes += sizes_[sample];
  return bytes;
}

bool FinishedTrack::fits(std::uint64_t file_size) const {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    const std::uint64_t bytes = sum_of_sizes(chunks_[i].first, chunk_end(i));
    if (chunks_[i].offset > file_size || bytes > file_size - chunks_[i].offset) return false;
  }
  return true;
}

Result<FinishedTrack> FinishedTrack::read(Track track, ByteView stbl, std::uint64_t file_size,
                                          std::int64_t delay) {
  FinishedTrack out;
  out.track_ = std::move(track);
  out.delay_ = delay;
  const auto stsz = find_box(stbl, {"stsz"}), stts = find_box(stbl, {"stts"}),
             stsc = find_box(stbl, {"stsc"});
  const auto stco = find_box(stbl, {"stco"}), co64 = find_box(stbl, {"co64"});
  const auto ctts = find_box(stbl, {"ctts"}), stss = find_box(stbl, {"stss"});
  const bool good = stsz && stts && stsc && (stco || co64) && out.read_sizes(*stsz) &&
                    out.read_times(*stts) && (!ctts || out.read_offsets(*ctts)) &&
                    (!stss || out.read_keys(*stss)) &&
                    out.read_chunks(*stsc, co64 ? *co64 : *stco, co64.has_value()) && out.fits(file_size);
  if (!good) return fail(errors::kTables, "the sample tables are damaged");
  // They are kept for long, and grew by doubling.
  out.times_.shrink_to_fit();
  out.offsets_.shrink_to_fit();
  out.chunks_.shrink_to_fit();
  return out;
}

std::int64_t FinishedTrack::decode_time(std::uint32_t sample) const {
  const TimeRun& run = times_[run_of(times_, sample)];
  return delay_ + run.time + static_cast<std::int64_t>(sample - run.first) * run.delta;
}

std::int64_t FinishedTrack::presentation_time(std::uint32_t sample) const {
  const std::int64_t offset = offsets_.empty() ? 0 : offsets_[run_of(offsets_, sample)].offset;
  return decode_time(sample) + offset;
}

std::uint32_t FinishedTrack::first_at(std::int64_t decode_time) const {
  const std::int64_t time = decode_time - delay_;
  const auto behind =
      std::lower_bound(times_.begin(), times_.end(), time,
                       [](const TimeRun& run, std::int64_t value) { return run.time < value; });
  if (behind == times_.begin()) return 0;
  const TimeRun& run = *std::prev(behind);
  const std::uint32_t end = behind == times_.end() ? samples_ : behind->first;
  if (run.delta == 0) return end;
  const std::int64_t steps = (time - run.time + run.delta - 1) / run.delta;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(run.first + steps, end));
}

bool FinishedTrack::is_key(std::uint32_t sample) const {
  return all_keys_ || std::binary_search(keys_.begin(), keys_.end(), sample);
}

std::uint32_t FinishedTrack::next_key(std::uint32_t sample) const {
  if (all_keys_) return std::min(sample, samples_);
  const auto key = std::lower_bound(keys_.begin(), keys_.end(), sample);
  return key == keys_.end() ? samples_ : *key;
}

TrackRun FinishedTrack::run(std::uint32_t first, std::uint32_t end) const {
  TrackRun out;
  out.track_id = track_.id;
  if (first >= end) return out;
  out.base_decode_time = static_cast<std::uint64_t>(decode_time(first));
  out.samples.reserve(end - first);
  std::size_t time = run_of(times_, first);
  std::size_t offset = offsets_.empty() ? 0 : run_of(offsets_, first);
  auto key = std::lower_bound(keys_.begin(), keys_.end(), first);
  for (std::uint32_t sample = first; sample < end; ++sample) {
    while (time + 1 < times_.size() && times_[time + 1].first <= sample) ++time;
    while (offset + 1 < offsets_.size() && offsets_[offset + 1].first <= sample) ++offset;
    FragmentSample& described = out.samples.emplace_back();
    described.duration = times_[time].delta;
    described.size = size(sample);
    described.composition_offset = offsets_.empty() ? 0 : offsets_[offset].offset;
    const bool listed = key != keys_.end() && *key == sample;
    if (listed) ++key;
    described.key = all_keys_ || listed;
  }
  return out;
}

std::vector<FileRange> FinishedTrack::bytes_of(std::uint32_t first, std::uint32_t end) const {
  std::vector<FileRange> out;
  for (std::uint32_t sample = first; sample < end;) {
    const std::size_t chunk = run_of(chunks_, sample);
    const std::uint32_t last = std::min(end, chunk_end(chunk));
    const FileRange range{chunks_[chunk].offset + sum_of_sizes(chunks_[chunk].first, sample),
                          sum_of_sizes(sample, last)};
    sample = last;
    if (!out.empty() && out.back().offset + out.back().size == range.offset)
      out.back().size += range.size;
    else if (range.size > 0)
      out.push_back(range);
  }
  return out;
}

std::size_t FinishedTrack::memory() const {
  return sizeof *this + track_.configuration.size() + times_.capacity() * sizeof(TimeRun) +
         offsets_.capacity() * sizeof(OffsetRun) + keys_.capacity() * 4 + sizes_.capacity() * 4 +
         chunks_.capacity() * sizeof(Chunk);
}

namespace {

struct Shift {
  std::int64_t media = 0;   // in the track's timescale, taken off
  std::uint64_t delay = 0;  // in the movie's
};

// Empty edits, then one of the media: what a file for playing has. ISO/IEC 14496-12 8.6.6.
std::optional<Shift> read_edits(ByteView elst) {
  ByteReader reader(elst);
  const bool wide = reader.u8() == 1;
  reader.skip(3);
  const auto count = entries_of(reader, wide ? 20 : 12);
  if (!count) return std::nullopt;
  Shift shift;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::uint64_t duration = wide ? reader.u64() : reader.u32();
    const std::int64_t media_time =
        wide ? static_cast<std::int64_t>(reader.u64()) : static_cast<std::int32_t>(reader.u32());
    const std::uint32_t rate = reader.u32();
    if (media_time == -1 && duration < static_cast<std::uint64_t>(kMaxDecodeTime)) {
      shift.delay += duration;
      continue;
    }
    const bool only = i + 1 == *count && rate == 0x00010000;
    if (!only || media_time < 0 || media_time > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    shift.media = media_time;
  }
  if (shift.delay > static_cast<std::uint64_t>(kMaxDecodeTime)) return std::nullopt;
  return shift;
}

std::uint32_t timescale_of(ByteView header) {
  ByteReader reader(header);
  reader.skip(reader.u8() == 1 ? 19 : 11);
  return reader.u32();
}

// A track of the movie box whose tables are not read yet.
struct Found {
  Track track;
  ByteView stbl;
  std::int64_t begin = 0;  // of decode times by the edit list, in the track's timescale; may be negative
};

// nullopt: none of ours.
Result<std::optional<Found>> find_track(ByteView trak, std::uint32_t movie_timescale) {
  const auto tkhd = find_box(trak, {"tkhd"}), mdhd = find_box(trak, {"mdia", "mdhd"});
  const auto stbl = find_box(trak, {"mdia", "minf", "stbl"});
  const auto stsd = stbl ? find_box(*stbl, {"stsd"}) : std::nullopt;
  Found found;
  Track& track = found.track;
  if (!tkhd || !mdhd || !stsd || !read_sample_description(*stsd, track)) return std::nullopt;
  found.stbl = *stbl;
  ByteReader header(*tkhd);
  header.skip(header.u8() == 1 ? 19 : 11);
  track.id = header.u32();
  if (track.id == 0 || !read_media_header(*mdhd, track) || track.timescale == 0)
    return fail(errors::kTables, "a track without a number or a timescale");
  // Key frames of the further descriptions have their parameter sets in front (services/recording/README.md).
  track.further.clear();
  std::optional<Shift> shift = Shift{};
  if (const auto elst = find_box(trak, {"edts", "elst"})) shift = read_edits(*elst);
  if (!shift) return fail(errors::kTables, "edits that are not for playing");
  const double delay = static_cast<double>(shift->delay) * track.timescale / movie_timescale;
  if (delay > static_cast<double>(kMaxDecodeTime)) return fail(errors::kTables, "a track begins too late");
  if (shift->media / track.timescale >= kMaxHiddenSeconds)
    return fail(errors::kTables, "an edit leaves the beginning out");
  found.begin = std::llround(delay) - shift->media;
  return found;
}

// How much later, in milliseconds, all tracks are to begin so that none is decoded before 0.
std::int64_t common_delay_ms(const std::vector<Found>& tracks) {
  std::int64_t delay_ms = 0;
  for (const Found& found : tracks) {
    const double early_ms = -1000.0 * static_cast<double>(found.begin) / found.track.timescale;
    delay_ms = std::max(delay_ms, static_cast<std::int64_t>(std::ceil(early_ms)));
  }
  return delay_ms;
}

Result<Bytes> read_movie_box(const FileSource& source) {
  std::size_t boxes = 0;
  for (std::uint64_t at = 0; at < source.size && source.size - at >= 8 && boxes < kMaxTopBoxes; ++boxes) {
    std::array<std::uint8_t, kMaxBoxHeader> bytes{};
    const auto view = std::span(bytes).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size - at, bytes.size())));
    if (Result<void> read = source.read(at, view); !read) return tl::unexpected(read.error());
    const auto header = read_box_header(view);
    if (!header || header->size > source.size - at) break;
    if (header->type == four_cc("moov")) {
      if (header->size > kMaxMovieBox) return fail(errors::kTooLarge, "the movie box is too large");
      Bytes moov(static_cast<std::size_t>(header->size - header->header_size));
      if (Result<void> read = source.read(at + header->header_size, moov); !read)
        return tl::unexpected(read.error());
      return moov;
    }
    at += header->size;
  }
  return fail(errors::kMoov, "there is no movie box");
}

}  // namespace

Result<std::vector<FinishedTrack>> read_finished_tracks(const FileSource& source) {
  const Result<Bytes> moov = read_movie_box(source);
  if (!moov) return tl::unexpected(moov.error());
  const auto mvhd = find_box(*moov, {"mvhd"});
  const std::uint32_t movie_timescale = mvhd ? timescale_of(*mvhd) : 0;
  if (movie_timescale == 0) return fail(errors::kMoov, "the movie box is damaged");
  if (find_box(*moov, {"mvex"})) return fail(errors::kMoov, "the file is in fragments");
  std::vector<Found> found;
  BoxReader reader(*moov);
  while (const auto box = reader.next()) {
    if (box->type != four_cc("trak") || found.size() == kMaxFinishedTracks) continue;
    Result<std::optional<Found>> track = find_track(box->payload, movie_timescale);
    if (!track) return tl::unexpected(track.error());
    if (*track) found.push_back(std::move(**track));
  }
  if (!reader.ok() || found.empty())
    return fail(errors::kMoov, "the movie box is damaged or has no track of ours");
  const std::int64_t delay_ms = common_delay_ms(found);
  std::vector<FinishedTrack> tracks;
  for (Found& one : found) {
    // Rounded up, as the milliseconds are: never negative.
    const std::int64_t delay = one.begin + (delay_ms * one.track.timescale + 999) / 1000;
    Result<FinishedTrack> track = FinishedTrack::read(std::move(one.track), one.stbl, source.size, delay);
    if (!track) return tl::unexpected(track.error());
    tracks.push_back(std::move(*track));
  }
  return tracks;
}

}  // namespace millrace::mp4
