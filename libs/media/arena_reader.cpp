#include "media/arena_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "media/arena_format.hpp"
#include "media/cursor_table.hpp"
#include "media/errors.hpp"
#include "media/shared_file.hpp"

namespace millrace::media {

class ArenaMapping {
 public:
  ArenaMapping(FileDescriptor file, SharedMapping mapping, const ArenaGeometry& geometry,
               std::shared_ptr<ReaderRegistration> registration, std::string name, std::string path)
      : file_(std::move(file)),
        mapping_(std::move(mapping)),
        view_(mapping_.data(), geometry),
        registration_(std::move(registration)),
        name_(std::move(name)),
        path_(std::move(path)),
        inode_(file_.inode()) {}

  const ArenaView& view() const { return view_; }
  const std::string& name() const { return name_; }
  ReaderRegistration& registration() const { return *registration_; }
  bool current() const { return view_.header().retired.load(std::memory_order_acquire) == 0; }
  // A file that was deleted cannot say so itself.
  bool in_place() const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && status.st_ino == inode_;
  }
  // False once its writer is gone, whatever became of the file. A successor takes over what is in place only.
  bool written() const { return first_byte_is_locked(file_); }
  // Nobody writes to this file any more, nor ever will: another one has its place, or it was deleted and its
  // writer is gone.
  bool over() const { return !current() || (!in_place() && (has_successor() || !written())); }

 private:
  bool has_successor() const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && status.st_ino != inode_;
  }

  FileDescriptor file_;
  SharedMapping mapping_;
  ArenaView view_;
  std::shared_ptr<ReaderRegistration> registration_;
  const std::string name_;
  const std::string path_;
  const std::uint64_t inode_;
};

struct LogReader::State {
  std::shared_ptr<ArenaMapping> arena;
  SlotIndex slot_index{};
  std::uint64_t version = 0;  // of the slot: another one means another log
  std::uint32_t cursor = 0;
  std::uint64_t position = 0;
  std::uint64_t held = kNoSequence;
  mutable LogInfo last;  // the newest copy, for when the slot has gone to another log

  ~State() { arena->registration().release_cursor(cursor); }

  const ArenaView& view() const { return arena->view(); }
  const LogSlot& slot() const { return view().slot(slot_index); }
  bool exists() const { return slot().version.load(std::memory_order_acquire) == version; }
  LogEnd end() const;
  void refresh() const;
  void publish_cursor() const { arena->registration().move_cursor(cursor, std::min(position, held)); }
  std::optional<SampleRecord> record(std::uint64_t sequence) const;
  std::uint64_t next_key(std::uint64_t first, std::uint64_t committed) const;
  bool has_video() const;
  bool picture_never_began(std::uint64_t committed) const;
  Sample sample(const SampleRecord& record) const;
  Read missing() const;
};

void LogReader::State::refresh() const {
  const std::optional<LogInfo> info = view().info(slot_index);
  if (info && exists()) last = *info;
}

// An arena that was replaced has no writer any more, so its logs are over.
LogEnd LogReader::State::end() const {
  const auto end = static_cast<LogEnd>(slot().end.load(std::memory_order_acquire));
  if (end > LogEnd::kRevoked) return LogEnd::kWriterLost;
  return end == LogEnd::kLive && !arena->current() ? LogEnd::kWriterLost : end;
}

std::optional<SampleRecord> LogReader::State::record(std::uint64_t sequence) const {
  if (sequence < slot().first.load(std::memory_order_acquire)) return std::nullopt;
  return view().record(slot(), sequence);
}

bool LogReader::State::has_video() const {
  const std::uint32_t count =
      std::min(slot().configuration_count.load(std::memory_order_acquire), kMaxConfigurations);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto entry = view().configuration(slot(), i);
    if (entry && entry->description.track == kVideoTrack) return true;
  }
  return false;
}

// Of a log with a configuration of the picture and without a key frame of it: sound alone has come for a
// while.
bool LogReader::State::picture_never_began(std::uint64_t committed) const {
  constexpr std::uint64_t kRecords = 64;  // more than a second of AAC
  if (committed - last.first_sequence < kRecords) return false;
  for (std::uint64_t sequence = committed - kRecords; sequence < committed; ++sequence) {
    const auto found = record(sequence);
    if (!found || found->track == kVideoTrack) return false;
  }
  return true;
}

// Where to go on from first: the next key frame (of video, where there is video), else the next record that
// is whole.
std::uint64_t LogReader::State::next_key(std::uint64_t first, std::uint64_t committed) const {
  const bool video = has_video();
  // Bounded whatever the slot says: no more records than the index can have.
  const std::uint64_t most = std::uint64_t{kIndexRing} * view().geometry().records_per_block();
  const std::uint64_t end = committed - first > most ? first + most : committed;
  std::uint64_t next = end;
  for (std::uint64_t sequence = first; sequence < end; ++sequence) {
    const auto found = view().record(slot(), sequence);
    if (!found) continue;
    next = std::min(next, sequence);
    if ((found->flags & kSampleKey) != 0 && (!video || found->track == kVideoTrack)) return sequence;
  }
  return next;
}

LogReader::Sample LogReader::State::sample(const SampleRecord& record) const {
  const std::uint8_t* payload = view().block(record.block) + record.offset;
  return {record,
          {payload, record.size},
          {payload - record.prefix_size, std::size_t{record.prefix_size} + record.size}};
}

// What to say when the record at the cursor can't be had although it was committed.
LogReader::Read LogReader::State::missing() const {
  const std::uint64_t first = slot().first.load(std::memory_order_acquire);
  const std::uint64_t committed = slot().committed.load(std::memory_order_acquire);
  // A record that is damaged inside the retained range is passed over: the reader always gets on.
  const std::uint64_t from = position >= first ? position + 1 : first;
  const std::uint64_t key = from < committed ? next_key(from, committed) : from;
  if (!exists()) return Ended{last.end == LogEnd::kLive ? LogEnd::kWriterLost : last.end};
  return Lagged{key};
}

LogReader::LogReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogReader::~LogReader() = default;
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;

LogReader::Read LogReader::read() const {
  const State& state = *state_;
  // The end before the count: after the end nothing is committed.
  const LogEnd end = state.end();
  const std::uint64_t committed = state.slot().committed.load(std::memory_order_acquire);
  if (!state.exists()) return state.missing();
  if (end != state.last.end) state.last.end = end;
  if (state.position >= committed) {
    if (end != LogEnd::kLive) return Ended{end};
    if (!state.arena->over()) return Nothing{};
    // The last look at the count may have been before the writer's end.
    if (state.position >= state.slot().committed.load(std::memory_order_acquire))
      return Ended{LogEnd::kWriterLost};
  }
  const auto record = state.record(state.position);
  if (!record || !intact(*record)) return state.missing();
  return state.sample(*record);
}

void LogReader::advance() {
  ++state_->position;
  state_->publish_cursor();
}

void LogReader::seek(std::uint64_t sequence) {
  state_->position = sequence;
  state_->publish_cursor();
}

std::uint64_t LogReader::position() const {
  return state_->position;
}

void LogReader::hold(std::uint64_t sequence) {
  state_->held = sequence;
  state_->publish_cursor();
}

std::optional<LogReader::Sample> LogReader::at(std::uint64_t sequence) const {
  const State& state = *state_;
  if (sequence >= state.slot().committed.load(std::memory_order_acquire)) return std::nullopt;
  const auto record = state.record(sequence);
  if (!record || !state.exists() || !intact(*record)) return std::nullopt;
  return state.sample(*record);
}

bool LogReader::intact(const SampleRecord& record) const {
  order_reads_before_check();
  if (!state_->view().holds({record.block, record.generation})) return false;
  // Blocks need not be given back in the order of their records; the log's first record tells of them all.
  return record.sequence >= state_->slot().first.load(std::memory_order_acquire);
}

std::optional<std::uint64_t> LogReader::newest_key() const {
  const State& state = *state_;
  const std::uint64_t key = state.slot().last_key.load(std::memory_order_acquire);
  const std::uint64_t committed = state.slot().committed.load(std::memory_order_acquire);
  if (!state.exists() || committed <= state.last.first_sequence) return std::nullopt;
  if (!state.has_video() || (key == 0 && state.picture_never_began(committed))) return committed - 1;
  if (key == 0 || key > committed || !state.record(key - 1)) return std::nullopt;
  return key - 1;
}

LogInfo LogReader::info() const {
  state_->refresh();
  LogInfo info = state_->last;
  if (!state_->exists()) {
    info.first = info.committed;
    if (info.end == LogEnd::kLive) info.end = LogEnd::kWriterLost;
  } else if (info.end == LogEnd::kLive) {
    info.end = state_->end();
  }
  return info;
}

std::optional<TimelineBeginning> LogReader::timeline(std::uint32_t discontinuity_sequence) const {
  const auto found = ArenaView::timeline(state_->slot(), discontinuity_sequence);
  return state_->exists() ? found : std::nullopt;
}

std::uint32_t LogReader::configuration_count() const {
  return std::min(state_->slot().configuration_count.load(std::memory_order_acquire), kMaxConfigurations);
}

std::optional<LogReader::Configuration> LogReader::configuration(std::uint32_t index) const {
  const State& state = *state_;
  const auto entry = state.view().configuration(state.slot(), index);
  if (!entry) return std::nullopt;
  const auto place = BlockReference::unpack(state.slot().configuration_block.load(std::memory_order_acquire));
  if (!state.view().holds(place)) return std::nullopt;
  const TrackConfiguration& description = entry->description;
  const std::uint8_t* bytes = state.view().block(place.block) + entry->offset;
  Configuration configuration{description, Bytes(bytes, bytes + description.size),
                              Bytes(bytes - description.prefix_size, bytes + description.size)};
  order_reads_before_check();
  if (!state.view().holds(place) || !state.exists()) return std::nullopt;
  return configuration;
}

ArenaReader::ArenaReader(std::shared_ptr<ArenaMapping> mapping) : mapping_(std::move(mapping)) {}
ArenaReader::~ArenaReader() = default;

Result<std::unique_ptr<ArenaReader>> ArenaReader::open(const std::string& directory, const std::string& name,
                                                       const std::string& reader) {
  const std::string path = arena_path(directory, name);
  Result<FileDescriptor> file = open_file(path, O_RDONLY);
  if (!file) return tl::unexpected(file.error());
  const Result<ArenaGeometry> geometry = read_geometry(*file);
  if (!geometry) return fail(geometry.error(), path);
  Result<SharedMapping> mapping =
      SharedMapping::map(*file, geometry->file_bytes(), SharedMapping::Access::kRead);
  if (!mapping) return tl::unexpected(mapping.error());
  auto registration = ReaderRegistration::open(cursors_path(directory, name), reader);
  // Not "media.not_found": the arena is there, and what is in it cannot be read.
  if (!registration && registration.error().code == media::errors::kNotFound)
    return fail("media.no_cursors", registration.error().message);
  if (!registration) return tl::unexpected(registration.error());
  return std::unique_ptr<ArenaReader>(new ArenaReader(std::make_shared<ArenaMapping>(
      std::move(*file), std::move(*mapping), *geometry, std::move(*registration), name, path)));
}

const std::string& ArenaReader::name() const {
  return mapping_->name();
}

std::vector<LogInfo> ArenaReader::logs(LogRole role) const {
  std::vector<LogInfo> found = logs();
  std::erase_if(found, [role](const LogInfo& info) { return info.role != role; });
  return found;
}

std::vector<LogInfo> ArenaReader::logs() const {
  const ArenaView& view = mapping_->view();
  std::vector<LogInfo> found;
  for (std::uint32_t i = 0; i < view.geometry().max_logs; ++i) {
    if (auto info = view.info(SlotIndex{i})) found.push_back(std::move(*info));
  }
  std::sort(found.begin(), found.end(), comes_before);
  return found;
}

Result<LogReader> ArenaReader::open_log(SlotIndex slot, PublicationId publication_id,
                                        std::uint64_t sequence) {
  const ArenaView& view = mapping_->view();
  if (number_of(slot) >= view.geometry().max_logs) return fail(media::errors::kNotFound, "no such slot");
  const std::uint64_t version = view.slot(slot).version.load(std::memory_order_acquire);
  const auto info = view.info(slot);
  if (!info || info->publication_id != publication_id)
    return fail(media::errors::kNotFound, "the slot has another log");
  // The cursor first, then the beginning: what is retained now stays.
  const auto cursor =
      mapping_->registration().take_cursor(slot, publication_id, std::max(sequence, info->first));
  if (!cursor) return fail("media.too_many_readers", "the cursor table is full");
  auto state = std::make_unique<LogReader::State>();
  state->arena = mapping_;
  state->slot_index = slot;
  state->version = version;
  state->cursor = *cursor;
  state->last = *info;
  state->position = std::max(sequence, view.slot(slot).first.load(std::memory_order_acquire));
  state->publish_cursor();
  if (!state->exists()) return fail(media::errors::kNotFound, "the log is gone");
  return LogReader(std::move(state));
}

bool ArenaReader::over() const {
  return mapping_->over();
}

bool ArenaReader::current() const {
  return mapping_->current() && mapping_->in_place();
}

}  // namespace millrace::media
