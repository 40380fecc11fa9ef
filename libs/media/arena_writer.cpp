#include "media/arena_writer.hpp"

#include <algorithm>
#include <cstring>

#include "media/arena_impl.hpp"
#include "media/errors.hpp"

namespace millrace::media {

// The extent being filled is this thread's own: the arena sees it when it is closed. Rooms in it are counted
// here.
struct LogWriter::State {
  std::shared_ptr<ArenaImpl> arena;
  std::shared_ptr<ArenaLog> log;
  Extent current;
  std::uint8_t* data = nullptr;  // of the current extent
  std::uint32_t generation = 0;
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;
  std::uint64_t reserved = 0;  // bytes of all extents so far, up to `used` of this one
  std::uint64_t numbered = 0;  // what the slot says of the newest record
  std::uint32_t discontinued = 0;
  TimelineBeginning timeline;               // of the newest record
  bool timeline_dated = false;              // by its second segment
  std::optional<std::uint64_t> pictured;    // the newest segment that has a picture
  std::array<std::uint16_t, 2> in_force{};  // as SampleRecord::in_force
  std::uint32_t open_rooms = 0;             // everywhere
  std::uint64_t committed = 0;
  std::uint64_t index_capacity = 0;  // records that the index blocks taken so far hold
  // Where the next record goes, and how many do behind it in the same index block, that one included. A live
  // log keeps the index block that it is filling.
  std::uint8_t* record_place = nullptr;
  std::uint32_t records_left = 0;
  std::uint32_t configuration_front = 0;
  std::uint32_t configuration_back = 0;
  bool ended = false;

  LogSlot& slot() const { return arena->slot(*log); }
  Result<void> extend_index();
  Result<void> begin_extent(std::uint64_t room);
  void note_clock(const SampleRecord& record);
  void note_picture(const SampleRecord& record);
  void note_timeline(const SampleRecord& record);
  void note_configuration(std::uint8_t track, std::uint32_t index);
  void put_record(const SampleRecord& record);
  void enter_index_block(std::uint64_t sequence);
  std::optional<std::uint32_t> same_configuration(const TrackConfiguration& description, bool prefixed,
                                                  ByteView bytes) const;
  void close_room(const Room& room, std::uint64_t end_sequence, std::int64_t newest_us);
};

// Every open room must find its place in the index, so that commit can't fail.
Result<void> LogWriter::State::extend_index() {
  const std::uint32_t per_block = arena->view().geometry().records_per_block();
  while (index_capacity < committed + open_rooms + 1) {
    Result<void> taken = arena->take_index_block(*log, index_capacity / per_block);
    if (!taken) return taken;
    index_capacity += per_block;
  }
  return {};
}

Result<void> LogWriter::State::begin_extent(std::uint64_t room) {
  const std::uint32_t block_bytes = arena->view().geometry().block_bytes;
  if (room > block_bytes && room > arena->largest_sample(*log)) {
    return fail(media::errors::kTooLarge, std::to_string(room) + " bytes");
  }
  const auto count = static_cast<std::uint32_t>((room + block_bytes - 1) / block_bytes);
  Result<Extent> extent = arena->take_extent(*log, std::max(count, 1U), current);
  if (!extent) return tl::unexpected(extent.error());
  reserved += capacity - used;
  current = *extent;
  data = arena->view().block(current.block);
  generation = arena->view().generation(current.block).load(std::memory_order_relaxed);
  capacity = std::uint64_t{current.count} * block_bytes;
  used = 0;
  return {};
}

// Whether a stream's segments can all be decoded by themselves is the log's to say: a reader may come when
// the first one that can't has gone.
void LogWriter::State::note_picture(const SampleRecord& record) {
  if (is_gap(record.flags) || record.track != kVideoTrack || pictured == record.media_sequence) return;
  pictured = record.media_sequence;
  if (is_sync(record.flags) || slot().first_dependent_segment.load(std::memory_order_relaxed) != 0) return;
  slot().first_dependent_segment.store(record.media_sequence, std::memory_order_release);
}

void LogWriter::State::note_clock(const SampleRecord& record) {
  if (record.sequence != slot().first_sequence.load(std::memory_order_relaxed)) return;
  slot().clock_offset_us.store(record.presented_wall.us() - record.arrival_us, std::memory_order_release);
}

// Who reads a timeline from somewhere later on is told where it began, and when by the dates of its second
// segment: those of the first may be of a sample that was late (timeline.hpp).
void LogWriter::State::note_timeline(const SampleRecord& record) {
  const bool begins = record.discontinuity_sequence != timeline.discontinuity_sequence;
  const bool in_first = begins || record.media_sequence == timeline.media_sequence;
  if (is_gap(record.flags) || (!in_first && timeline_dated)) return;
  const auto entry = arena->view().configuration(slot(), record.configuration);
  if (!entry || entry->description.track != record.track || entry->description.kind == TrackKind::kData)
    return;
  constexpr std::int64_t kMicroseconds = 1'000'000;
  const std::int64_t timescale = std::max<std::uint32_t>(entry->description.timescale, 1);
  const std::int64_t time_us =
      record.dts / timescale * kMicroseconds + record.dts % timescale * kMicroseconds / timescale;
  SlotTimeline& place = slot().timelines[record.discontinuity_sequence % kSlotTimelines];
  if (!in_first) {
    timeline_dated = true;
    timeline.wall = record.presented_wall - (time_us - timeline.time_us);
    return place.wall_us.store(timeline.wall.us(), std::memory_order_release);
  }
  if (!begins && time_us >= timeline.time_us) return;
  timeline = {record.discontinuity_sequence, record.media_sequence, time_us, record.presented_wall};
  timeline_dated = false;
  place.discontinuity_sequence.store(0, std::memory_order_release);
  place.media_sequence.store(timeline.media_sequence, std::memory_order_release);
  place.time_us.store(timeline.time_us, std::memory_order_release);
  place.wall_us.store(timeline.wall.us(), std::memory_order_release);
  place.discontinuity_sequence.store(timeline.discontinuity_sequence, std::memory_order_release);
}

void LogWriter::State::note_configuration(std::uint8_t track, std::uint32_t index) {
  if (track < in_force.size()) in_force.at(track) = static_cast<std::uint16_t>(index + 1);
}

void LogWriter::State::enter_index_block(std::uint64_t sequence) {
  const ArenaView& view = arena->view();
  const std::uint32_t per_block = view.geometry().records_per_block();
  const auto index = BlockReference::unpack(
      slot().ring[(sequence / per_block) % kIndexRing].load(std::memory_order_relaxed));
  const auto skipped = static_cast<std::uint32_t>(sequence % per_block);
  record_place = view.block(index.block) + skipped * sizeof(SampleRecord);
  records_left = per_block - skipped;
}

void LogWriter::State::put_record(const SampleRecord& record) {
  // Before the record counts: at whatever instant the writer dies, the stream's numbers are not behind it.
  if (record.media_sequence > numbered) {
    numbered = record.media_sequence;
    slot().last_media_sequence.store(numbered, std::memory_order_release);
  }
  if (record.discontinuity_sequence > discontinued) {
    discontinued = record.discontinuity_sequence;
    slot().last_discontinuity_sequence.store(discontinued, std::memory_order_release);
  }
  note_clock(record);
  note_picture(record);
  note_timeline(record);
  if (records_left == 0) enter_index_block(record.sequence);
  store_words(record_place, record);
  record_place += sizeof(SampleRecord);
  --records_left;
  if ((record.flags & kSampleKey) != 0 && record.track == kVideoTrack) {
    slot().last_key.store(record.sequence + 1, std::memory_order_release);
  }
  slot().committed.store(record.sequence + 1, std::memory_order_release);
}

// An encoder that goes to and fro between two configurations fills no more of the log than one that does not.
// Data and annotations are no tracks' configurations: their order counts.
std::optional<std::uint32_t> LogWriter::State::same_configuration(const TrackConfiguration& description,
                                                                  bool prefixed, ByteView bytes) const {
  if (description.kind == TrackKind::kData || description.codec == Codec::kNone) return std::nullopt;
  const ArenaView& view = arena->view();
  const std::uint32_t count = configuration_front / sizeof(ConfigurationEntry);
  for (std::uint32_t index = 0; index < count; ++index) {
    const auto entry = view.configuration(slot(), index);
    if (!entry || entry->description.size != bytes.size()) continue;
    if ((entry->description.prefix_size > 0) != prefixed) continue;
    TrackConfiguration known = entry->description;
    known.index = description.index;
    known.prefix_size = description.prefix_size;
    known.size = description.size;
    known.media_sequence = description.media_sequence;
    const std::uint8_t* const begin = view.block(log->configuration_block) + entry->offset;
    if (known == description && std::equal(bytes.begin(), bytes.end(), begin)) return index;
  }
  return std::nullopt;
}

void LogWriter::State::close_room(const Room& room, std::uint64_t end_sequence, std::int64_t newest_us) {
  if (open_rooms > 0) --open_rooms;
  if (room.block != current.block || room.generation != generation) {
    arena->close_room(*log, room.block, end_sequence, newest_us);
    return;
  }
  if (current.open_rooms > 0) --current.open_rooms;
  current.end_sequence = std::max(current.end_sequence, end_sequence);
  current.newest_us = std::max(current.newest_us, newest_us);
}

LogWriter::LogWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

LogWriter::~LogWriter() {
  end(LogEnd::kDisconnected);
}

Result<LogWriter::Room> LogWriter::reserve(std::uint32_t body_size, std::uint32_t prefix_room) {
  State& state = *state_;
  if (state.ended) return fail("media.ended", "the log has ended");
  const std::uint64_t size = std::uint64_t{body_size} + prefix_room;
  Result<void> ready = state.extend_index();
  if (ready && (state.data == nullptr || size > state.capacity - state.used))
    ready = state.begin_extent(size);
  if (!ready) return tl::unexpected(ready.error());
  Room room;
  room.data = state.data + state.used;
  room.prefix_room = prefix_room;
  room.body_size = body_size;
  room.block = state.current.block;
  room.generation = state.generation;
  room.offset = static_cast<std::uint32_t>(state.used);
  state.used += size;
  state.reserved += size;
  room.end = state.reserved;
  ++state.current.open_rooms;
  ++state.open_rooms;
  return room;
}

void LogWriter::abandon(const Room& room) {
  State& state = *state_;
  if (state.ended) return;
  const std::uint64_t end = std::uint64_t{room.offset} + room.prefix_room + room.body_size;
  const bool newest =
      room.block == state.current.block && room.generation == state.generation && end == state.used;
  state.close_room(room, 0, 0);
  if (!newest) return;
  state.reserved -= state.used - room.offset;
  state.used = room.offset;
}

bool LogWriter::overtaken(const Room& room) const {
  const std::uint64_t guaranteed =
      std::uint64_t{state_->log->guaranteed_blocks} * state_->arena->view().geometry().block_bytes;
  return state_->reserved - room.end > guaranteed / 2;
}

std::uint64_t LogWriter::commit(const Room& room, std::uint32_t payload_begin, std::uint8_t prefix_size,
                                SampleRecord record) {
  State& state = *state_;
  if (state.ended) return state.committed;
  record.sequence = state.committed;
  record.block = room.block;
  record.generation = room.generation;
  record.offset = room.offset + payload_begin;
  record.size = room.prefix_room + room.body_size - payload_begin;
  record.prefix_size = prefix_size;
  if (record.configuration < state.configuration_front / sizeof(ConfigurationEntry))
    state.note_configuration(record.track, record.configuration);
  record.in_force = state.in_force;
  state.put_record(record);
  ++state.committed;
  state.close_room(room, state.committed, record.arrival_us);
  return record.sequence;
}

// Its place is that of the configurations, which are there as long as the log is.
Result<std::uint64_t> LogWriter::commit_gap(SampleRecord record) {
  State& state = *state_;
  if (state.ended) return fail("media.ended", "the log has ended");
  if (const Result<void> ready = state.extend_index(); !ready) return tl::unexpected(ready.error());
  const auto held = state.arena->hold(*state.log);
  if (!held.owns_lock()) return fail(media::errors::kNoSpace, "the slate's place was needed");
  const std::uint32_t block = state.log->configuration_block;
  record.sequence = state.committed;
  record.block = block;
  record.generation = state.arena->view().generation(block).load(std::memory_order_relaxed);
  record.offset = record.size = 0;
  record.prefix_size = 0;
  record.flags |= kSampleGap;
  record.in_force = state.in_force;
  state.put_record(record);
  ++state.committed;
  return record.sequence;
}

Result<std::uint32_t> LogWriter::add_configuration(TrackConfiguration description, ByteView prefix,
                                                   ByteView bytes) {
  State& state = *state_;
  if (state.ended) return fail("media.ended", "the log has ended");
  if (const auto known = state.same_configuration(description, !prefix.empty(), bytes)) {
    state.note_configuration(description.track, *known);
    return *known;
  }
  const std::uint64_t size = std::uint64_t{prefix.size()} + bytes.size();
  const std::uint64_t room = state.configuration_back - state.configuration_front;
  const std::uint32_t index = state.configuration_front / sizeof(ConfigurationEntry);
  if (index >= kMaxConfigurations || prefix.size() > 0xFF || size + sizeof(ConfigurationEntry) > room) {
    return fail(media::errors::kTooManyConfigurations, "the log's configuration block is full");
  }
  std::uint8_t* block = state.arena->view().block(state.log->configuration_block);
  state.configuration_back -= static_cast<std::uint32_t>(size);
  const std::uint32_t offset = state.configuration_back + static_cast<std::uint32_t>(prefix.size());
  std::copy(prefix.begin(), prefix.end(), block + state.configuration_back);
  std::copy(bytes.begin(), bytes.end(), block + offset);
  description.index = index;
  description.prefix_size = static_cast<std::uint8_t>(prefix.size());
  description.size = static_cast<std::uint32_t>(bytes.size());
  // Entries are words; offsets from the end need no alignment.
  const ConfigurationEntry entry{description, offset, 0};
  store_words(block + state.configuration_front, entry);
  state.configuration_front += sizeof(ConfigurationEntry);
  state.slot().configuration_count.store(index + 1, std::memory_order_release);
  state.note_configuration(description.track, index);
  return index;
}

void LogWriter::set_target_duration_s(std::uint32_t seconds) {
  if (!state_->ended) state_->slot().target_duration_s.store(seconds, std::memory_order_release);
}

void LogWriter::set_part_target_us(std::uint32_t target_us) {
  if (!state_->ended) state_->slot().part_target_us.store(target_us, std::memory_order_release);
}

void LogWriter::end(LogEnd reason) {
  State& state = *state_;
  if (state.ended) return;
  state.ended = true;
  state.arena->end_log(*state.log, reason, state.current);
}

const StreamContinuation& LogWriter::continuation() const {
  return state_->log->continuation;
}
std::uint64_t LogWriter::committed() const {
  return state_->committed;
}
SlotIndex LogWriter::slot() const {
  return state_->log->slot;
}
std::uint64_t LogWriter::held_bytes() const {
  return std::uint64_t{state_->log->held_blocks.load(std::memory_order_relaxed)} *
         state_->arena->view().geometry().block_bytes;
}
const std::uint8_t* LogWriter::block_data(std::uint32_t block) const {
  return state_->arena->view().block(block);
}

ArenaWriter::ArenaWriter(std::shared_ptr<ArenaImpl> impl) : impl_(std::move(impl)) {}
ArenaWriter::~ArenaWriter() = default;

Result<std::unique_ptr<ArenaWriter>> ArenaWriter::open(const ArenaConfig& config) {
  Result<std::shared_ptr<ArenaImpl>> impl = ArenaImpl::open(config);
  if (!impl) return tl::unexpected(impl.error());
  return std::unique_ptr<ArenaWriter>(new ArenaWriter(std::move(*impl)));
}

Result<std::unique_ptr<LogWriter>> ArenaWriter::create_log(const LogDescription& description) {
  Result<std::shared_ptr<ArenaLog>> log = impl_->create_log(description);
  if (!log) return tl::unexpected(log.error());
  auto state = std::make_unique<LogWriter::State>();
  state->arena = impl_;
  state->log = std::move(*log);
  state->numbered = state->log->continuation.last_media_sequence;
  state->discontinued = state->log->continuation.last_discontinuity_sequence;
  // The index begins at the whole block that the first record is in.
  const std::uint32_t per_block = impl_->view().geometry().records_per_block();
  state->committed = description.first_sequence;
  state->index_capacity = description.first_sequence / per_block * per_block;
  state->configuration_back = impl_->view().geometry().block_bytes;
  return std::unique_ptr<LogWriter>(new LogWriter(std::move(state)));
}

StreamContinuation ArenaWriter::continuation(const LogSeries& series) const {
  return impl_->continuation(series);
}
void ArenaWriter::maintain(std::int64_t monotonic_us) {
  impl_->maintain(monotonic_us);
}
ArenaStatistics ArenaWriter::statistics() const {
  return impl_->statistics();
}

}  // namespace millrace::media
